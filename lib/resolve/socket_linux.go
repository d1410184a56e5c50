package resolve

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Socket is a UNIX socket that listens at a place, which belongs to it.
type Socket struct {
	*net.UnixListener
	place *Place
	id    identity
}

// Listen makes a socket of that mode at the place, where nothing may be yet, and listens; everybody who determined
// the place must be able to make one there himself, or be trusted by the policy. The socket has its mode before it
// has its name. (The umask, which is the whole process's, is not changed for that.)
func (p *Place) Listen(mode uint32) (*Socket, error) {
	if err := p.word.May(Create, p.Entry(nil, -1), p.policy.Trust...); err != nil {
		return nil, err
	}
	address, err := p.address()
	if err != nil {
		return nil, err
	}
	l, err := listen(address, mode)
	if err != nil {
		return nil, p.named(err)
	}
	s := &Socket{UnixListener: l, place: p}
	s.SetUnlinkOnClose(false) // Close removes it, and no other
	st, err := p.Stat()
	if err != nil {
		s.UnixListener.Close()
		return nil, err
	}
	s.id = identify(st)
	return s, nil
}

// listen is net.ListenUnix, but for the mode, and without the buffer of 64 KiB in which that reads a sysctl.
func listen(address string, mode uint32) (*net.UnixListener, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), address)
	defer f.Close()
	err = unix.Fchmod(fd, mode) // bind(2) makes the file with the mode of the socket, less the umask
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrUnix{Name: address}))
	}
	if err == nil {
		err = os.NewSyscallError("listen", unix.Listen(fd, unix.SOMAXCONN))
	}
	if err != nil {
		return nil, err
	}
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	return l.(*net.UnixListener), nil
}

// Close ends listening, and removes the socket if it is still there.
func (s *Socket) Close() error {
	if st, err := s.place.Stat(); err == nil && identify(st) == s.id {
		_ = unix.Unlinkat(s.place.fd, s.place.Name, 0)
	}
	err := s.UnixListener.Close()
	s.place.Close()
	return err
}

// Discard removes a socket at the place that no process listens on any more, which is for the caller to know.
// Everybody who determined the place must be able to remove it, or be trusted by the policy. Anything else there is
// an error, but nothing is none.
func (p *Place) Discard() error {
	var st unix.Stat_t
	switch err := unix.Fstatat(p.fd, p.Name, &st, unix.AT_SYMLINK_NOFOLLOW); {
	case err == unix.ENOENT:
		return nil
	case err != nil:
		return &fs.PathError{Op: "stat", Path: p.Path, Err: err}
	case st.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return fmt.Errorf("%s: not a socket", p.Path)
	}
	if err := p.word.May(Unlink, p.Entry(&st, -1), p.policy.Trust...); err != nil {
		return err
	}
	if err := unix.Unlinkat(p.fd, p.Name, 0); err != nil && err != unix.ENOENT {
		return &fs.PathError{Op: "remove", Path: p.Path, Err: err}
	}
	return nil
}

// Dial connects to the socket at the place. It is for the caller to ask who answers.
func (p *Place) Dial(ctx context.Context) (*net.UnixConn, error) {
	address, err := p.address()
	if err != nil {
		return nil, err
	}
	c, err := new(net.Dialer).DialContext(ctx, "unix", address)
	if err != nil {
		return nil, p.named(err)
	}
	return c.(*net.UnixConn), nil
}

// address is a path through the open directory. It is short, too: sun_path holds 107 bytes (unix(7)).
func (p *Place) address() (string, error) {
	const limit = len(unix.RawSockaddrUnix{}.Path) - 1
	address := "/proc/self/fd/" + strconv.Itoa(p.fd) + "/" + p.Name
	if len(address) > limit {
		return "", fmt.Errorf("%s: a name too long for a socket: %w", p.Path, unix.ENAMETOOLONG)
	}
	return address, nil
}

// named is the error with the path that the caller knows.
func (p *Place) named(err error) error {
	switch failed := err.(type) {
	case *net.OpError:
		return fmt.Errorf("%s %s: %w", failed.Op, p.Path, failed.Err)
	case *os.SyscallError:
		return fmt.Errorf("%s %s: %w", failed.Syscall, p.Path, failed.Err)
	}
	return err
}
