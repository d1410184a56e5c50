//go:build amd64 || arm64

package fork

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What the assembly has to know beside the layouts, which the compiler tells it.
const (
	sharing     = unix.CLONE_VM | int(syscall.SIGCHLD)
	cloneCall   = unix.SYS_CLONE
	writeCall   = unix.SYS_WRITE
	exitCall    = unix.SYS_EXIT_GROUP
	truncated   = unix.MSG_CTRUNC
	tooMany     = int(unix.EMFILE)
	letterFlags = unsafe.Offsetof(unix.Msghdr{}.Flags)
)

// cloneShared is clone(2) with a child that has our memory, and walks the calls from first on without a stack: it pushes
// nothing, and no handler of a signal runs in it. What went wrong is its negative.
//
//go:noescape
func cloneShared(p *Program, first *Call) uintptr

//go:norace
//go:nosplit
func share(p *Program) (uintptr, syscall.Errno) {
	for i := range p.Calls {
		if c := &p.Calls[i]; c.How == Divide {
			c.Number, c.Args[0] = unix.SYS_CLONE, uintptr(sharing)
		}
	}
	pid := int(cloneShared(p, &p.Calls[0]))
	if pid < 0 {
		return 0, syscall.Errno(-pid)
	}
	return uintptr(pid), 0
}
