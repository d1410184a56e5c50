package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// pidfd is a link by pidfd_open(2). The file counts its users, so that Close never pulls the descriptor from under a
// Wait, where another file could take its number.
type pidfd struct {
	pid  int
	file *os.File
}

// openPidfd fails with errNoPidfd where the kernel has none (ENOSYS) or a seccomp filter says so (EPERM, which the
// call itself never gives).
func openPidfd(pid int) (*pidfd, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	switch {
	case err == nil:
		return &pidfd{pid, os.NewFile(uintptr(fd), "pidfd")}, nil
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.ENODEV):
		return nil, errNoPidfd
	case errors.Is(err, unix.ESRCH), errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINVAL):
		// The last two mean a thread's id, on newer and older kernels.
		return nil, ErrNotFound
	}
	return nil, os.NewSyscallError("pidfd_open", err)
}

// with lends the descriptor to f.
func (p *pidfd) with(f func(fd int) error) error {
	conn, err := p.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if conn.Control(func(fd uintptr) { failed = f(int(fd)) }) != nil {
		return os.ErrClosed
	}
	return failed
}

func (p *pidfd) close() error { return p.file.Close() }

// alive asks by poll, which is ready once the last thread has ended: pidfd_open(2).
func (p *pidfd) alive() (bool, error) {
	ended := false
	err := p.with(func(fd int) (err error) {
		ended, err = pollFor(fd, -1, 0)
		return err
	})
	return err == nil && !ended, err
}

func (p *pidfd) held() (bool, error) {
	err := p.signal(0)
	switch {
	case err == nil, errors.Is(err, unix.EPERM):
		return true, nil
	case errors.Is(err, ErrNotFound):
		return false, nil
	}
	return false, err
}

func (p *pidfd) signal(s syscall.Signal) error {
	err := p.with(func(fd int) error { return unix.PidfdSendSignal(fd, s, nil, 0) })
	return found(err)
}

func (p *pidfd) wait(ctx context.Context) error {
	return p.with(func(fd int) error { return pollUntil(ctx, fd) })
}

// pollUntil blocks in poll(2), one thread and no ticking. The end of ctx wakes it through an eventfd, which is made
// only if ctx can end, and the process has not.
func pollUntil(ctx context.Context, fd int) error {
	if ctx.Done() == nil {
		_, err := pollFor(fd, -1, -1)
		return err
	}
	if ended, err := pollFor(fd, -1, 0); err != nil || ended {
		return err
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		unix.Write(wake, []byte{1, 1, 1, 1, 1, 1, 1, 1}) // any number but 0; it cannot fail on a fresh counter
		close(woken)
	})
	ended, err := pollFor(fd, wake, -1)
	if !stop() {
		<-woken // before its number is another file's
	}
	unix.Close(wake)
	if err == nil && !ended {
		return context.Cause(ctx)
	}
	return err
}

// pollFor reports whether fd became ready before wake, which may be -1, or the timeout in milliseconds, -1 for none. That
// is believed when it stays so: while a thread that is not the first executes a program, it takes the place of the
// first, which has ended, and Linux 6.18 may show fd as ready for an instant, though the process goes on.
func pollFor(fd, wake, timeout int) (bool, error) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(wake), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, timeout)
		for check := 0; check < 2 && err == nil && fds[0].Revents != 0; check++ {
			_, err = unix.Poll(fds[:1], 0)
		}
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return false, os.NewSyscallError("poll", err)
		case fds[0].Revents&unix.POLLNVAL != 0:
			return false, unix.EBADF
		case fds[0].Revents != 0:
			return true, nil
		case n == 0 || timeout == 0 || fds[1].Revents != 0:
			return false, nil
		}
	}
}

// inode is the process's number in pidfs, 0 where all pidfds share one anonymous inode.
func (p *pidfd) inode() (inode uint64) {
	_ = p.with(func(fd int) error { // without it the start time serves
		inode = pidfsInode(fd)
		return nil
	})
	return inode
}

const pidfsMagic = 0x50494446

func pidfsInode(fd int) uint64 {
	var fs unix.Statfs_t
	var st unix.Stat_t
	if unix.Fstatfs(fd, &fs) != nil || fs.Type != pidfsMagic || unix.Fstat(fd, &st) != nil {
		return 0
	}
	return st.Ino
}

// facts runs read on /proc/PID and vouches that what it read is the process's own: /proc must count like this
// process does, which inside a new PID namespace it does not until it is mounted again, and the process must not have
// been reaped afterwards.
func (p *pidfd) facts(read func(dir string) error) error {
	failed := read("/proc/" + strconv.Itoa(p.pid) + "/")
	ours := false
	err := p.with(func(fd int) error {
		number, ok := procNumber(fd)
		ours = ok && number == p.pid || !ok && ownProc()
		return nil
	})
	if err != nil {
		return err
	}
	held, err := p.held()
	switch {
	case err != nil:
		return err
	case !held:
		return ErrNotFound
	case !ours:
		return errNoProc
	case failed != nil:
		return fmt.Errorf("%w: %w", errNoProc, failed)
	}
	return nil
}

func (p *pidfd) stat() (st stat, err error) {
	err = p.facts(func(dir string) (err error) {
		st, err = readStat(unix.AT_FDCWD, dir+"stat", p.pid)
		return err
	})
	return st, err
}

func (p *pidfd) info() (info Info, err error) {
	err = p.facts(func(dir string) (err error) {
		info, err = readInfo(unix.AT_FDCWD, dir, p.pid)
		return err
	})
	if errors.Is(err, errNoProc) {
		info, err = bare(p.pid).info()
		if held, failed := p.held(); failed == nil && !held {
			err = ErrNotFound
		}
	}
	return info, err
}

func (p *pidfd) identity() (Identity, error) {
	id := Here()
	id.PID = p.pid
	id.Inode = p.inode()
	st, err := p.stat()
	switch {
	case err == nil:
		id.Start, id.Session = st.start, st.session
	case errors.Is(err, errNoProc):
		return id, nil
	}
	return id, err
}
