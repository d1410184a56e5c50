package bound

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
)

// Owner is whose exit ends COMMAND: a process, or whoever holds the other end of a pipe.
type Owner struct {
	what   string
	id     string // of a process, as PID:INODE
	file   *os.File
	events int16 // that end it, besides a hang-up
}

// OwnedBy is a process. proc.ErrNotFound says that it has exited.
func OwnedBy(h *proc.Handle) (*Owner, error) {
	fd, err := unix.PidfdOpen(h.PID(), 0)
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	if alive, failed := h.Alive(); err != nil || failed != nil || !alive { // so that the PID was its own just now
		if err == nil {
			unix.Close(fd)
		}
		if failed == nil {
			failed = fmt.Errorf("process %d: %w", h.PID(), proc.ErrNotFound)
		}
		return nil, failed
	}
	inode, _ := h.Inode()
	o := newOwner(fmt.Sprintf("process %d", h.PID()), os.NewFile(uintptr(fd), "pidfd"), unix.POLLIN)
	o.id = fmt.Sprintf("%d:%d", h.PID(), inode)
	return o, nil
}

// OwnedByInput is whoever can write to what is read there, a pipe, a socket or a terminal. Nothing is read.
func OwnedByInput(f *os.File) (*Owner, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(fd), f.Name())
	info, err := file.Stat()
	if err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		_, err = unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			err = errors.New("it is neither a pipe, a socket nor a terminal, so that there is no other end of it")
		}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return newOwner("standard input", file, unix.POLLRDHUP), nil
}

func newOwner(what string, f *os.File, events int16) *Owner {
	return &Owner{what: what, file: f, events: events}
}

func (o *Owner) String() string { return o.what }

// poll is ready once the owner is gone. A nil owner stays.
func (o *Owner) poll() unix.PollFd {
	if o == nil {
		return unix.PollFd{Fd: -1}
	}
	return unix.PollFd{Fd: int32(o.file.Fd()), Events: o.events}
}
