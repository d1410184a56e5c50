package notify

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"

	"golang.org/x/sys/unix"
)

// Socket is where a service tells how it is. It is an abstract one (unix(7)), so that nothing is left of it, with a random
// name; it is not reached from another network namespace.
type Socket struct {
	conn *net.UnixConn
	name string
	text []byte
	oob  []byte
}

// Message is what one process has told. It is to be closed.
type Message struct {
	Sender int    // by the kernel's word: the PID in this PID namespace, 0 for a process outside of it
	Text   string // lines of KEY=VALUE
	Cut    bool   // it was longer than what is taken, and its last line is not what was sent

	files []int
}

// messageLimit is far above what any service tells.
const messageLimit = 1 << 16

// Listen opens a socket that learns the sender of each message (SO_PASSCRED).
func Listen() (*Socket, error) {
	s := &Socket{name: "@pidbox/" + rand.Text(), text: make([]byte, messageLimit), oob: make([]byte, 1<<12)}
	var err error
	if s.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.name, Net: "unixgram"}); err != nil {
		return nil, err
	}
	raw, err := s.conn.SyscallConn()
	if err == nil {
		err = errors.Join(raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
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
	m := &Message{Text: string(s.text[:size]), Cut: flags&unix.MSG_TRUNC != 0}
	messages, err := unix.ParseSocketControlMessage(s.oob[:control])
	if err != nil {
		return m, nil // then nobody has sent it
	}
	for _, c := range messages {
		if cred, err := unix.ParseUnixCredentials(&c); err == nil {
			m.Sender = int(cred.Pid)
		}
		if fds, err := unix.ParseUnixRights(&c); err == nil {
			m.files = append(m.files, fds...)
		}
	}
	return m, nil
}

// Close closes the socket. A Receive under way ends.
func (s *Socket) Close() error { return s.conn.Close() }

// Values are the assignments in the message; the last of a key counts.
func (m *Message) Values() map[string]string {
	values := map[string]string{}
	for line := range strings.SplitSeq(m.Text, "\n") {
		if key, value, ok := strings.Cut(line, "="); ok {
			values[key] = value
		}
	}
	return values
}

// Close closes the descriptors that came with the message: the sender of a BARRIER=1 waits for that
// (sd_notify_barrier(3)).
func (m *Message) Close() {
	for _, fd := range m.files {
		unix.Close(fd)
	}
	m.files = nil
}
