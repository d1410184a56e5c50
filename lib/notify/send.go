// Package notify is both ends of sd_notify(3): Send tells a service manager how a service is, and a Socket is where a
// service that was started here tells that.
package notify

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// patience is how long a service manager has to take a message from its queue that is full.
const patience = 2 * time.Second

// Send tells the service manager at socket, the value of NOTIFY_SOCKET (@name is abstract), a state such as READY=1.
// The datagram is in its queue when Send returns, not yet read. An error names the socket.
func Send(socket, state string) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify socket %s: %w", socket, reason(err))
	}
	defer conn.Close()
	_ = conn.SetWriteDeadline(time.Now().Add(patience)) // cannot fail on an open socket
	_, err = conn.Write([]byte(state))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("notify socket %s: not taken within %v", socket, patience)
	case err != nil:
		return fmt.Errorf("notify socket %s: %w", socket, reason(err))
	}
	return nil
}

// Deliver is Send, and waits until the message was read, for at most five seconds: for a sender that ends right after, and
// that the service manager could not find any more (sd_notify_barrier(3)). A manager that does not say so is left alone.
func Deliver(socket, state string) error {
	if err := Send(socket, state); err != nil {
		return err
	}
	const enough = 5 * time.Second
	read, write, err := os.Pipe()
	if err != nil {
		return nil // it was sent
	}
	defer read.Close()
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		write.Close()
		return nil
	}
	defer conn.Close()
	_ = conn.SetWriteDeadline(time.Now().Add(patience))
	raw, err := conn.SyscallConn()
	if err == nil {
		failed := raw.Write(func(fd uintptr) bool { // WriteMsgUnix refuses a connected socket of datagrams
			err = syscall.Sendmsg(int(fd), []byte("BARRIER=1"), syscall.UnixRights(int(write.Fd())), nil, 0)
			return !errors.Is(err, syscall.EAGAIN)
		})
		err = errors.Join(err, failed)
	}
	write.Close()
	if err != nil {
		return nil
	}
	_ = read.SetReadDeadline(time.Now().Add(enough))
	_, _ = read.Read(make([]byte, 1)) // ends with the last copy of the other end
	return nil
}

// reason is the error of the system call, without the operation and the address around it.
func reason(err error) error {
	var call *os.SyscallError
	if errors.As(err, &call) {
		return call.Err
	}
	return err
}
