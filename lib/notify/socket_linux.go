package notify

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
	"pidbox/lib/random"
)

// Socket is where a service tells how it is. It is an abstract one (unix(7)), so that nothing is left of it, with a random
// name; it is not reached from another network namespace.
type Socket struct {
	conn *net.UnixConn
	name string
	text []byte
	oob  []byte
}

// messageLimit is far above what any service tells.
const messageLimit = 1 << 16

// Listen opens a socket that learns the sender of each message: its number and user (SO_PASSCRED), and from Linux 6.5 on
// the process itself (SO_PASSPIDFD), which stays known when it has ended.
func Listen() (*Socket, error) {
	s := &Socket{name: "@pidbox/" + random.Text(16), text: make([]byte, messageLimit), oob: make([]byte, 1<<12)}
	var err error
	if s.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.name, Net: "unixgram"}); err != nil {
		return nil, err
	}
	raw, err := s.conn.SyscallConn()
	if err == nil {
		err = errors.Join(raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSPIDFD, 1)
		}), err)
	}
	if err != nil {
		s.conn.Close()
		return nil, err
	}
	return s, nil
}

// Address is the value of NOTIFY_SOCKET for the service.
func (s *Socket) Address() string { return s.name }

// Receive waits for the next message. After Close it fails with net.ErrClosed.
func (s *Socket) Receive() (*Message, error) {
	size, control, flags, _, err := s.conn.ReadMsgUnix(s.text, s.oob)
	if err != nil {
		return nil, fmt.Errorf("read the notify socket: %w", err)
	}
	m := &Message{UID: -1, Text: string(s.text[:size]), Cut: flags&unix.MSG_TRUNC != 0}
	messages, err := unix.ParseSocketControlMessage(s.oob[:control])
	if err != nil {
		return m, nil // then nobody has sent it
	}
	pidfd := -1
	for _, c := range messages {
		if cred, err := unix.ParseUnixCredentials(&c); err == nil {
			m.PID, m.UID = int(cred.Pid), int(cred.Uid)
		}
		fds, err := parseDescriptors(&c)
		switch {
		case err != nil:
		case c.Header.Type == unix.SCM_PIDFD && pidfd < 0:
			pidfd = fds[0]
		default:
			for _, fd := range fds {
				m.files = append(m.files, os.NewFile(uintptr(fd), "descriptor"))
			}
		}
	}
	switch {
	case m.PID > 0 && pidfd >= 0:
		m.Process, _ = proc.FromPidfd(m.PID, pidfd)
	case pidfd >= 0:
		unix.Close(pidfd)
	case m.PID > 0: // by its number, which may be another's by now
		m.Process, _ = proc.Open(m.PID)
	}
	return m, nil
}

// parseDescriptors are those of SCM_RIGHTS, or the one of SCM_PIDFD; before Linux 6.17 that is none for a sender that
// was reaped.
func parseDescriptors(c *unix.SocketControlMessage) ([]int, error) {
	if c.Header.Level == unix.SOL_SOCKET && c.Header.Type == unix.SCM_PIDFD {
		rights := *c
		rights.Header.Type = unix.SCM_RIGHTS
		fds, err := unix.ParseUnixRights(&rights)
		if err != nil || len(fds) != 1 || fds[0] < 0 {
			return nil, unix.EINVAL
		}
		return fds, nil
	}
	return unix.ParseUnixRights(c)
}

// Pending says that a message waits to be received.
func (s *Socket) Pending() bool {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return false
	}
	var n int
	_ = raw.Control(func(fd uintptr) {
		n, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	})
	return n > 0
}

// Interrupt has a Receive, the one under way or the next, fail with os.ErrDeadlineExceeded, though a message may wait.
func (s *Socket) Interrupt() { _ = s.conn.SetReadDeadline(time.Unix(1, 0)) }

// Resume ends that.
func (s *Socket) Resume() { _ = s.conn.SetReadDeadline(time.Time{}) }

// Close closes the socket. A Receive under way ends.
func (s *Socket) Close() error { return s.conn.Close() }
