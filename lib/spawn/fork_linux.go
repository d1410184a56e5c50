package spawn

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// program is all that a child does between fork(2) and execve(2), laid out beforehand as a list of system calls: a forked
// copy of a Go process has one thread and no running runtime, so it may not allocate, grow its stack, take a lock or be
// scheduled. The child only walks the list. It is a full fork, not a vfork: the child is held while its parent goes on.
type program struct {
	calls    []call
	none     [128]byte // a zero: a default disposition, an empty mask
	all, old uint64    // signal masks
	word     message
	gate     byte
	letter   unix.Msghdr
	report   uintptr // descriptor for word
	keep     []any   // what only the calls point to
}

// call is one system call. Where one fails, its step and errno go up the report and the child ends.
type call struct {
	number uintptr
	args   [5]uintptr
	step   int32
	how    int32
}

// How a result is taken.
const (
	must   = iota // any error is fatal
	may           // errors do not matter
	divide        // a fork: the parent ends
	myself        // the result is the PID to report
	gated         // a letter: anything but one byte ends the child, silently; descriptors that do not fit are fatal
)

// message is what a child reports: its PID when it is held, or a step that failed.
type message struct {
	PID, Step, Errno int32
}

// fork runs p in a new process and gives its PID. Signals are blocked across the fork, so that no handler of the Go
// runtime runs in the child, which unblocks them when the dispositions are the default ones. It must not be preempted
// between, and cannot be: it makes no call with a stack check, and the preemption signal is blocked as well.
//
//go:norace
//go:nosplit
//go:noinline
func fork(p *program) (uintptr, syscall.Errno) {
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&p.all)), uintptr(unsafe.Pointer(&p.old)), 8, 0, 0)
	pid, errno := clone()
	if pid == 0 && errno == 0 {
		walk(p)
	}
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&p.old)), 0, 8, 0, 0)
	return pid, errno
}

//go:norace
//go:nosplit
func clone() (uintptr, syscall.Errno) {
	if runtime.GOARCH == "s390x" { // takes the stack first
		pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, 0, uintptr(syscall.SIGCHLD), 0, 0, 0, 0)
		return pid, errno
	}
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	return pid, errno
}

//go:norace
//go:nosplit
func walk(p *program) {
	for i := range p.calls {
		c := &p.calls[i]
		var result uintptr
		var errno syscall.Errno
		if c.how == divide {
			result, errno = clone()
		} else {
			result, _, errno = syscall.RawSyscall6(c.number, c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], 0)
		}
		switch {
		case c.how == gated && (errno != 0 || result != 1):
			leave(1)
		case c.how == gated && p.letter.Flags&unix.MSG_CTRUNC != 0:
			fail(p, c.step, unix.EMFILE)
		case errno != 0 && c.how != may:
			fail(p, c.step, errno)
		case c.how == divide && result != 0:
			leave(0)
		case c.how == myself:
			p.word.PID = int32(result)
		}
	}
	leave(1) // not reached: the last call is the execve
}

//go:norace
//go:nosplit
func fail(p *program, step int32, errno syscall.Errno) {
	p.word.Step, p.word.Errno = step, int32(errno)
	syscall.RawSyscall(unix.SYS_WRITE, p.report, uintptr(unsafe.Pointer(&p.word)), unsafe.Sizeof(p.word))
	leave(1)
}

//go:norace
//go:nosplit
func leave(status uintptr) {
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, status, 0, 0)
	}
}
