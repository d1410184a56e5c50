package spawn

import (
	"fmt"

	"golang.org/x/sys/unix"

	"pidbox/lib/fork"
)

// Niceness is the nice value of this process.
func Niceness() (int, error) {
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	return 20 - raw, err // the kernel's own form, which is never negative
}

// scheduling is what needs privilege and comes before the change of user: who runs when, and where the root is.
func (p *plan) scheduling() error {
	cmd := p.cmd
	if cmd.Session {
		p.do("make a session", fork.May, unix.SYS_SETSID) // it leads one already
	}
	if s := cmd.Scheduler; s != nil {
		priority := int32(s.Priority)
		p.do(fmt.Sprintf("set the scheduling policy %d with priority %d", s.Policy, s.Priority), fork.Must,
			unix.SYS_SCHED_SETSCHEDULER, 0, uintptr(s.Policy), address(p, &priority))
	}
	if cmd.IOPriority != nil {
		const whoProcess = 1
		p.do("set the I/O priority", fork.May, unix.SYS_IOPRIO_SET, whoProcess, 0, uintptr(*cmd.IOPriority))
	}
	if cmd.SecureBits != nil {
		p.do("set the securebits", fork.Must, unix.SYS_PRCTL, unix.PR_SET_SECUREBITS, uintptr(*cmd.SecureBits))
	}
	if cmd.Root == "" {
		return nil
	}
	root, err1 := p.text(cmd.Root)
	top, err2 := p.text("/")
	if err1 != nil {
		return err1
	}
	p.do("change the root to "+cmd.Root, fork.Must, unix.SYS_CHROOT, root)
	p.do("change the root to "+cmd.Root, fork.Must, unix.SYS_CHDIR, top)
	return err2
}
