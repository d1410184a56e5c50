package proc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"pidbox/lib/xattr"
)

// kept adds to held what holds the number of a process that has been reaped: a group or session that it led.
func (p *pidfd) kept() bool {
	if held, err := p.held(); err == nil && held {
		return true
	}
	err := p.signalGroup(0)
	if err == nil || errors.Is(err, unix.EPERM) {
		return true
	}
	again, err := reopenInode(p.pid, p.inode())
	if err != nil {
		return false
	}
	again.close()
	return true
}

// signalGroup signals the group that has the process's number, as one act, also when the process itself has been
// reaped: PIDFD_SIGNAL_PROCESS_GROUP of Linux 6.9.
func (p *pidfd) signalGroup(s syscall.Signal) error {
	err := p.with(func(fd int) error { return unix.PidfdSendSignal(fd, s, nil, unix.PIDFD_SIGNAL_PROCESS_GROUP) })
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return errors.ErrUnsupported
	}
	return found(err)
}

// reopen opens the recorded process though it has been reaped, while its number is in use as a group's or session's.
// ErrNotFound says that it no longer is, errors.ErrUnsupported that the kernel or the record cannot tell.
func reopen(recorded Identity) (link, error) {
	if forced != "" || recorded.Inode == 0 || recorded.Boot == "" || recorded.Boot != CurrentBoot() {
		return nil, errors.ErrUnsupported
	}
	p, err := reopenInode(recorded.PID, recorded.Inode)
	if err != nil {
		return nil, err
	}
	if held, err := p.held(); err != nil || held { // then it has another number than the record says
		p.close()
		return nil, errors.ErrUnsupported
	}
	return p, nil
}

// reopenInode opens a process by the file handle of its pidfd, which is its inode: Linux 6.14.
func reopenInode(pid int, inode uint64) (*pidfd, error) {
	if inode == 0 {
		return nil, errors.ErrUnsupported
	}
	self, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return nil, errors.ErrUnsupported
	}
	defer unix.Close(self)
	fd, err := openPidfs(self, inode)
	if errors.Is(err, unix.ESTALE) {
		// Kernels without file handles for pidfds say that too: only if ours can be opened it means something.
		probe, err := openPidfs(self, pidfsInode(self))
		if err == nil {
			unix.Close(probe)
			return nil, ErrNotFound
		}
	}
	if err != nil {
		return nil, errors.ErrUnsupported
	}
	return newPidfd(pid, fd), nil
}

func openPidfs(mount int, inode uint64) (int, error) {
	const fileidKernfs = 0xfe
	handle := unix.NewFileHandle(fileidKernfs, binary.NativeEndian.AppendUint64(nil, inode))
	return unix.OpenByHandleAt(mount, handle, unix.O_RDONLY|unix.O_CLOEXEC)
}

// binding is the attribute of Bind.
const binding = "trusted.pidbox.file"

func (p *pidfd) bind(value string) error {
	err := p.with(func(fd int) error { return unix.Fsetxattr(fd, binding, []byte(value), 0) })
	switch {
	case err == nil, errors.Is(err, os.ErrClosed), errors.Is(err, unix.ESRCH):
		return found(err)
	}
	return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
}

func (p *pidfd) bound() (value string, ok bool) {
	err := p.with(func(fd int) (err error) {
		value, err = xattr.Read(fd, binding, 8<<10)
		return err
	})
	return value, err == nil && value != "" // which Linux 6.18 says of a process without any attribute
}
