package spawn

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"pidbox/lib/fork"
)

func reap(pid int) (status syscall.WaitStatus, err error) {
	for {
		if _, err = syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
			return status, err
		}
	}
}

// launch forks, and reaps the process between where there is one. The lock keeps two of them from undoing each other's
// adoption.
func (p *plan) launch(detach bool) (int, syscall.Errno) {
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	if detach {
		defer AdoptOrphans()()
	}
	if p.cmd.Group != nil {
		p.Group = int32(p.cmd.Group.Fd())
	}
	p.Shares = p.shareable()
	pid, errno := fork.Do(&p.Program)
	if errno != 0 && p.Group != 0 { // a kernel before 5.7, a filter, a group that may be entered in the old way only
		p.Group = 0
		pid, errno = fork.Do(&p.Program)
	}
	runtime.KeepAlive(p)
	if detach && errno == 0 {
		reap(int(pid))
	}
	return int(pid), errno
}

// AdoptOrphans makes this process the one that inherits orphans among its descendants (PR_SET_CHILD_SUBREAPER), until
// undo. Where the kernel cannot, init has them, and their exit status is nobody's to know.
func AdoptOrphans() (undo func()) {
	var before int32
	unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&before)), 0, 0, 0)
	unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	return func() { unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, uintptr(before), 0, 0, 0) }
}

// Children says whether this process has any, those too that it inherited by an exec.
func Children() (some bool, err error) {
	err = unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	if err == unix.ECHILD {
		return false, nil
	}
	return err == nil, err
}
