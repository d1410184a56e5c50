// Package notify is both ends of sd_notify(3): Send tells a service manager how a service is, and a Socket is where a
// service that was started here tells that.
package notify

import (
	"errors"
	"fmt"
	"net"
	"os"
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

// reason is the error of the system call, without the operation and the address around it.
func reason(err error) error {
	var call *os.SyscallError
	if errors.As(err, &call) {
		return call.Err
	}
	return err
}
