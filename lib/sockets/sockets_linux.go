package sockets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"pidbox/lib/listener"
	"pidbox/lib/proc"
	"pidbox/lib/resolve"
)

// Listen opens a socket. That of UNIX has the mode 0666, and the policy is for its place; one that no process listens on any
// more is replaced.
func Listen(a Address, policy resolve.Policy) (*Socket, error) {
	if a.Network == "unix" {
		return listenAt(a, policy)
	}
	config := net.ListenConfig{}
	config.SetMultipathTCP(false) // a command has what it would have made itself
	l, err := config.Listen(context.Background(), "tcp", a.Text)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", a, reason(err))
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		return nil, err
	}
	_ = unix.SetNonblock(int(f.Fd()), false) // the command shares that
	return newSocket(a, f)
}

func reason(err error) error {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return op.Err
	}
	return err
}

// newSocket takes the file over.
func newSocket(a Address, f *os.File) (*Socket, error) {
	m, err := markOf(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Socket{Address: a, file: f, mark: m}, nil
}

func markOf(f *os.File) (mark, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return mark{}, err
	}
	cookie, err := unix.GetsockoptUint64(int(f.Fd()), unix.SOL_SOCKET, unix.SO_COOKIE)
	return mark{st.Ino, cookie}, os.NewSyscallError("getsockopt", err)
}

// listenAt binds by the path itself, so that this is the name that the socket has, once all who determined it are trusted. The
// policy's are so with the directory that it is in: who owns one above could lead the path elsewhere meanwhile.
func listenAt(a Address, policy resolve.Policy) (*Socket, error) {
	p, err := resolve.Walk(a.Text, policy)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if _, err := p.Stat(); err == nil {
		c, err := p.Dial(context.Background())
		if err == nil {
			c.Close()
			return nil, fmt.Errorf("listen on %s: %w", a, syscall.EADDRINUSE)
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, err
		}
		if err := p.Discard(); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := p.Steady(); err != nil {
		return nil, err
	}
	if err := p.Word().May(resolve.Create, p.Entry(nil, -1), policy.Trust...); err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), a.Text)
	err = unix.Fchmod(fd, 0o666) // bind(2) makes the file with that, less the umask
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: a.Text})
	}
	if err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("listen on %s: %w", a, err)
	}
	s, err := newSocket(a, f)
	if err == nil {
		s.remove = remover(a.Text, policy)
	}
	return s, err
}

// backlog is how many may wait while no command runs; the kernel's own limit is mostly lower.
const backlog = 4096

// remover removes the file of a socket if it is still the one that it is now.
func remover(path string, policy resolve.Policy) func() {
	p, err := resolve.Walk(path, policy)
	if err != nil {
		return nil
	}
	defer p.Close()
	was, err := p.Stat()
	if err != nil {
		return nil
	}
	return func() {
		p, err := resolve.Walk(path, policy)
		if err != nil {
			return
		}
		defer p.Close()
		if now, err := p.Stat(); err == nil && now.Dev == was.Dev && now.Ino == was.Ino {
			_ = p.Discard()
		}
	}
}

// Inherited is the sockets that LISTEN_FDS of the environment says we were given; nil for none. That they are for us, as
// LISTEN_PID has it, is for the caller to know, who may have been started by a script that was.
func Inherited() (Set, error) {
	text := os.Getenv("LISTEN_FDS")
	if text == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > Most {
		return nil, fmt.Errorf("LISTEN_FDS=%s: not a number from 0 to %d", text, Most)
	}
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	var all Set
	for i := range n {
		copied, err := unix.FcntlInt(uintptr(First+i), unix.F_DUPFD_CLOEXEC, First+n)
		if err != nil {
			all.Close(false)
			return nil, fmt.Errorf("LISTEN_FDS=%d: descriptor %d is not open", n, First+i)
		}
		f := os.NewFile(uintptr(copied), "socket")
		m, err := markOf(f)
		if err != nil {
			f.Close()
			all.Close(false)
			return nil, fmt.Errorf("LISTEN_FDS=%d: descriptor %d is not a socket", n, First+i)
		}
		one := &Socket{Address: Address{Network: "inherited", Text: strconv.Itoa(i), Name: "unknown"}, file: f, mark: m}
		if i < len(names) && names[i] != "" {
			one.Name = names[i]
		}
		all = append(all, one)
	}
	return all, nil
}

// TakeBack takes the socket of an address from one of the processes that may have it: nil if none has. It must be the very one
// on record, and listen still.
func TakeBack(a Address, r Record, pids []int, policy resolve.Policy) (*Socket, error) {
	want, recorded := r[a.String()]
	if !recorded {
		return nil, nil
	}
	var failed error
	for _, pid := range pids {
		h, err := proc.Open(pid)
		if err != nil {
			continue
		}
		f, err := search(h, want)
		h.Close()
		if err != nil {
			failed = err
		}
		if f == nil {
			continue
		}
		s, err := newSocket(a, f)
		if err != nil || a.Network != "unix" {
			return s, err
		}
		switch at, err := listener.UNIX(a.Text); {
		case err != nil: // whose the file is cannot be seen, or there is none
		case slices.ContainsFunc(at, func(l listener.Socket) bool { return l.Inode == want.inode }):
			s.remove = remover(a.Text, policy)
		default:
			f.Close()
			return nil, fmt.Errorf("listen on %s: %w", a, syscall.EADDRINUSE)
		}
		return s, nil
	}
	return nil, failed
}

// search finds the socket among the descriptors of a process.
func search(h *proc.Handle, want mark) (*os.File, error) {
	dir := fmt.Sprintf("/proc/%d/fd", h.PID())
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if link, err := os.Readlink(dir + "/" + entry.Name()); err != nil || link != fmt.Sprintf("socket:[%d]", want.inode) {
			continue
		}
		number, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		f, err := h.File(number)
		if err != nil {
			return nil, err
		}
		if got, err := markOf(f); err == nil && got == want && listens(f) {
			return f, nil
		}
		f.Close()
	}
	return nil, nil
}

// listens says that it is a socket of a stream that listens.
func listens(f *os.File) bool {
	kind, err1 := unix.GetsockoptInt(int(f.Fd()), unix.SOL_SOCKET, unix.SO_TYPE)
	open, err2 := unix.GetsockoptInt(int(f.Fd()), unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	return err1 == nil && err2 == nil && kind == unix.SOCK_STREAM && open == 1
}
