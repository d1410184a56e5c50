package signals

import (
	"os/signal"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Dispositions of signal(7): SIG_DFL and SIG_IGN.
const byDefault, ignored = 0, 1

// dispose sets the disposition of a signal behind the back of the Go runtime, which puts a handler of its own in the
// place of each. In the kernel's sigaction the handler comes first, on every architecture but MIPS, and all else is zero.
func dispose(s syscall.Signal, handler uintptr) {
	var action [16]uintptr
	action[0] = handler
	_, _, _ = syscall.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	runtime.KeepAlive(&action)
}

// raise sends the signal to this very thread, where it is not blocked, so that it has taken effect when this returns.
func raise(s syscall.Signal) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var none unix.Sigset_t
	if unix.PthreadSigmask(unix.SIG_SETMASK, &none, nil) == nil {
		_ = unix.Tgkill(unix.Getpid(), unix.Gettid(), s)
	}
}

// QuitAsUsual gives QUIT the disposition that it has for a program in C: the runtime's handler prints the stacks of all
// goroutines and exits with status 2, which here means "refused to die". It is for the very start of a program; Until and
// signal.Notify can ask for QUIT later.
func QuitAsUsual() {
	signal.Ignore(syscall.SIGQUIT) // or the runtime believes that its handler is there still, and Notify does nothing
	if Ignored(syscall.SIGQUIT) {
		dispose(syscall.SIGQUIT, ignored)
		return
	}
	dispose(syscall.SIGQUIT, byDefault)
}
