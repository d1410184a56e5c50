// Package fork makes a copy of this process that does a prepared list of system calls and nothing else.
package fork

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Program is all that a child does after fork(2), laid out beforehand as a list of system calls: a forked copy of a Go
// process has one thread and no running runtime, so it may not allocate, grow its stack, take a lock or be scheduled. The
// child only walks the list, and exits with 1 at its end. It is a full fork, not a vfork: the child may be held while its
// parent goes on. The Program must be on the heap, where nothing moves: the calls hold plain addresses.
type Program struct {
	Calls  []Call
	None   [128]byte // a zero: a default disposition, an empty mask
	Word   Message
	Gate   byte
	Letter unix.Msghdr
	Report uintptr   // descriptor for Word
	Keep   []any     // what only the calls point to
	Digits *[16]byte // where the child writes its PID in decimal, and a NUL; nil for nowhere

	// Shares has the child use the memory of this process, not a copy, if that can be: Do says so here. Then all of the
	// program must be left alone until the child has executed something or is gone. Of the Hows there are no Last, Pass and
	// Again, and no Digits.
	Shares bool

	Flags uint64 // namespaces of the new process: clone(2)
	Group int32  // descriptor of the control group that it is born in; 0 for the caller's
	Bound bool   // it is killed when the last descriptor in Pidfd is closed, and never a zombie
	Pidfd int32

	all, old [2]uint64  // signal masks
	args     [11]uint64 // of clone3(2)
}

// Call is one system call. Where one fails, its step and errno go up the report and the child ends.
type Call struct {
	Number uintptr
	Args   [5]uintptr
	Step   int32
	How    int32
}

// How a result is taken.
const (
	Must   = iota // any error is fatal
	May           // errors do not matter
	Last          // errors do not matter, and without one the child ends
	Divide        // a fork: the parent ends
	Pass          // a fork into another PID namespace: the parent reports the PID by which its own knows it, and ends
	Myself        // the result is the PID to report
	Again         // an error ends the child, silently; without one the call with the number in Step is the next
	Unless        // a result of 0 makes the call with the number in Step the next; errors do not matter
	Gated         // a letter: anything but one byte ends the child, silently; descriptors that do not fit are fatal
)

// Message is what a child reports: its PID when it is held, or a step that failed.
type Message struct {
	PID, Step, Errno int32
}

// Passed is the Step of a message that only gives the PID of a process in another PID namespace.
const Passed = -1

// Do runs p in a new process and gives its PID. Signals are blocked across the fork, so that no handler of the Go runtime
// runs in the child, which unblocks them, if at all, when the dispositions are the default ones. It must not be preempted
// between, and cannot be: it makes no call with a stack check, and the preemption signal is blocked as well.
//
//go:norace
//go:nosplit
//go:noinline
func Do(p *Program) (uintptr, syscall.Errno) {
	p.all = [2]uint64{^uint64(0), ^uint64(0)}
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&p.all)), uintptr(unsafe.Pointer(&p.old)), SetSize, 0, 0)
	var pid uintptr
	var errno syscall.Errno
	if p.Shares {
		pid, errno = share(p)
		p.Shares = errno == 0
	}
	switch {
	case p.Shares: // only the parent comes here
	case p.Group != 0 || p.Bound:
		pid, errno = clone3(p)
	default:
		pid, errno = clone(uintptr(p.Flags))
	}
	if pid == 0 && errno == 0 {
		walk(p)
	}
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&p.old)), 0, SetSize, 0, 0)
	return pid, errno
}

//go:norace
//go:nosplit
func clone(flags uintptr) (uintptr, syscall.Errno) {
	if runtime.GOARCH == "s390x" { // takes the stack first
		pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, 0, flags|uintptr(syscall.SIGCHLD), 0, 0, 0, 0)
		return pid, errno
	}
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, flags|uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	return pid, errno
}

// noNewPrivs is CLONE_NNP, without which only root may bind a process to a descriptor.
const noNewPrivs = 0x800000000

//go:norace
//go:nosplit
func clone3(p *Program) (uintptr, syscall.Errno) {
	p.args[0] = p.Flags
	p.args[4] = uint64(syscall.SIGCHLD)
	if p.Group != 0 {
		p.args[0] |= unix.CLONE_INTO_CGROUP
		p.args[10] = uint64(p.Group)
	}
	if p.Bound {
		p.args[0] |= unix.CLONE_PIDFD | unix.CLONE_AUTOREAP | unix.CLONE_PIDFD_AUTOKILL | noNewPrivs
		p.args[1] = uint64(uintptr(unsafe.Pointer(&p.Pidfd)))
		p.args[4] = 0
	}
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&p.args)), unsafe.Sizeof(p.args), 0, 0, 0, 0)
	return pid, errno
}

//go:norace
//go:nosplit
func walk(p *Program) {
	for i := 0; i < len(p.Calls); i++ {
		c := &p.Calls[i]
		var result uintptr
		var errno syscall.Errno
		if c.How == Divide || c.How == Pass {
			result, errno = clone(0)
		} else {
			result, _, errno = syscall.RawSyscall6(c.Number, c.Args[0], c.Args[1], c.Args[2], c.Args[3], c.Args[4], 0)
		}
		switch {
		case c.How == Again && errno != 0:
			leave(1)
		case c.How == Again:
			i = int(c.Step) - 1
		case c.How == Unless && errno == 0 && result == 0:
			i = int(c.Step) - 1
		case c.How == Gated && (errno != 0 || result != 1):
			leave(1)
		case c.How == Gated && p.Letter.Flags&unix.MSG_CTRUNC != 0:
			fail(p, c.Step, unix.EMFILE)
		case errno == 0 && c.How == Last:
			leave(0)
		case errno != 0 && c.How != May && c.How != Last && c.How != Unless:
			fail(p, c.Step, errno)
		case c.How == Divide && result != 0:
			leave(0)
		case c.How == Pass && result != 0:
			p.Word.PID, p.Word.Step = int32(result), Passed
			syscall.RawSyscall(unix.SYS_WRITE, p.Report, uintptr(unsafe.Pointer(&p.Word)), unsafe.Sizeof(p.Word))
			leave(0)
		case c.How == Myself:
			p.Word.PID = int32(result)
			if p.Digits != nil {
				decimal(p.Digits, result)
			}
		}
	}
	leave(1) // not reached: the last call is the execve
}

// decimal writes a number of no more than ten digits.
//
//go:norace
//go:nosplit
func decimal(to *[16]byte, n uintptr) {
	last := 0
	for m := n; m >= 10; m /= 10 {
		last++
	}
	to[(last+1)&15] = 0
	for ; last >= 0; last-- {
		to[last&15] = byte('0' + n%10)
		n /= 10
	}
}

//go:norace
//go:nosplit
func fail(p *Program, step int32, errno syscall.Errno) {
	p.Word.Step, p.Word.Errno = step, int32(errno)
	syscall.RawSyscall(unix.SYS_WRITE, p.Report, uintptr(unsafe.Pointer(&p.Word)), unsafe.Sizeof(p.Word))
	leave(1)
}

//go:norace
//go:nosplit
func leave(status uintptr) {
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, status, 0, 0)
	}
}
