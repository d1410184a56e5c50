package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc/procfs"
)

// pidfd is a link by pidfd_open(2).
type pidfd struct {
	pid int
	descriptor
}

func newPidfd(pid, fd int) *pidfd {
	return &pidfd{pid, descriptor{fd: fd, file: os.NewFile(uintptr(fd), "pidfd")}}
}

// FromPidfd is a handle of the process that a pidfd is for, and takes that over; pid is its number here. Where a filter
// denies what can be done with a pidfd it is Open.
func FromPidfd(pid, fd int) (*Handle, error) {
	if errors.Is(unix.PidfdSendSignal(fd, 0, nil, 0), unix.ENOSYS) {
		unix.Close(fd)
		return Open(pid)
	}
	return newHandle(pid, newPidfd(pid, fd)), nil
}

// descriptor counts its users, so that close never pulls it from under a call, where another file could take its number,
// and never waits for one.
type descriptor struct {
	mu     sync.Mutex
	fd     int
	file   *os.File // which closes it, also where nobody does
	users  int
	closed bool
}

// lend gives the number, which stays that of the file until it is given back.
func (d *descriptor) lend() (fd int, back func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return -1, nil, os.ErrClosed
	}
	d.users++
	return d.fd, d.back, nil
}

func (d *descriptor) back() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.users--; d.users == 0 && d.closed {
		_ = d.file.Close()
	}
}

func (d *descriptor) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return os.ErrClosed
	}
	d.closed = true
	if d.users > 0 {
		return nil // the last user does it
	}
	return d.file.Close()
}

func (d *descriptor) number() int { return d.fd }

// with lends the descriptor to f.
func (d *descriptor) with(f func(fd int) error) error {
	fd, back, err := d.lend()
	if err != nil {
		return err
	}
	defer back()
	return f(fd)
}

// openPidfd fails with errNoPidfd where the kernel has none (ENOSYS) or a seccomp filter says so (EPERM, which the
// call itself never gives).
func openPidfd(pid int) (*pidfd, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	switch {
	case err == nil:
		return newPidfd(pid, fd), nil
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.ENODEV):
		return nil, errNoPidfd
	case errors.Is(err, unix.ESRCH), errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINVAL):
		// The last two mean a thread's id, on newer and older kernels.
		return nil, ErrNotFound
	}
	return nil, os.NewSyscallError("pidfd_open", err)
}

// alive asks by poll, which is ready once the last thread has ended: pidfd_open(2).
func (p *pidfd) alive() (bool, error) {
	ended := false
	err := p.with(func(fd int) error {
		ready, err := poll([]int{fd}, -1, 0)
		ended = ready
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

// signal falls back on the number where a filter allows pidfd_open(2) and not this: of a process that is seen to run right
// before. One that has ended counts as reaped there.
func (p *pidfd) signal(s syscall.Signal) error {
	err := p.with(func(fd int) error { return unix.PidfdSendSignal(fd, s, nil, 0) })
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		alive, failed := p.alive()
		switch {
		case failed != nil:
			return failed
		case alive:
			err = unix.Kill(p.pid, s)
		case errors.Is(err, unix.ENOSYS):
			err = unix.ESRCH
		}
	}
	return found(err)
}

func (p *pidfd) wait(ctx context.Context) error {
	return p.with(func(fd int) error { return pollUntil(ctx, []int{fd}) })
}

func (p *pidfd) waitFor(ctx context.Context, d time.Duration) (gone bool, err error) {
	err = p.with(func(fd int) error {
		gone, err = pollWithin(ctx, []int{fd}, d)
		return err
	})
	return gone, err
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
		number, ok := procfs.PidfdNumber(fd)
		ours = ok && number == p.pid || !ok && procfs.Own()
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
	case exhausted(failed):
		return failed
	case !ours:
		return ErrNoProc
	case failed != nil:
		return fmt.Errorf("%w: %w", ErrNoProc, failed)
	}
	return nil
}

func (p *pidfd) stat() (st procfs.Stat, err error) {
	err = p.facts(func(dir string) (err error) {
		st, err = procfs.ReadStat(unix.AT_FDCWD, dir+"stat", p.pid)
		return err
	})
	return st, err
}

func (p *pidfd) info() (info Info, err error) {
	err = p.facts(func(dir string) (err error) {
		info, err = readInfo(unix.AT_FDCWD, dir, p.pid)
		return err
	})
	if errors.Is(err, ErrNoProc) {
		info, err = bare(p.pid).info()
		if held, failed := p.held(); failed == nil && !held {
			err = ErrNotFound
		}
	}
	return info, err
}

// credentials asks the pidfd itself, from Linux 6.13 on, also where /proc hides the process.
func (p *pidfd) credentials() (c Credentials, err error) {
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_CREDS}
	err = p.with(func(fd int) error { return unix.IoctlPidfdInfo(fd, &info) })
	if err == nil && info.Mask&unix.PIDFD_INFO_CREDS != 0 {
		if held, err := p.held(); err != nil || held {
			return Credentials{int(info.Ruid), int(info.Euid), int(info.Suid)}, err
		}
		return nobody(), ErrNotFound
	}
	c = nobody()
	err = p.facts(func(dir string) (err error) {
		c, err = readCredentials(unix.AT_FDCWD, dir+"status", p.pid)
		return err
	})
	return c, err
}

func (p *pidfd) identity() (Identity, error) {
	id := Here()
	id.PID = p.pid
	id.Inode = p.inode()
	st, err := p.stat()
	switch {
	case err == nil:
		id.Start, id.Session = st.Start, st.Session
	case errors.Is(err, ErrNoProc):
		return id, nil
	}
	return id, err
}
