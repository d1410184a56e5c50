package signals

import (
	"os/signal"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"pidbox/lib/fork"
)

const byDefault, ignored = fork.Default, fork.Ignored

// dispose sets the disposition of a signal behind the back of the Go runtime, which puts a handler of its own in the
// place of each.
func dispose(s syscall.Signal, handler uintptr) {
	swap(s, fork.Handled(handler))
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

// Suspend stops this process as TSTP does to a program that takes no notice of it, and returns once it was continued; or at
// once, with false, where the kernel does not stop it: nobody would continue it (an orphaned process group, setpgid(2)), or
// TSTP was ignored from the start; or where still, asked as late as can be, says that there is no more reason to: a CONT that
// comes after it takes the stop back. The CONT that ends the stop is not told to who is notified of it.
func Suspend(still func() bool) (stopped bool) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	stop, ok := swap(syscall.SIGTSTP, fork.Handled(byDefault))
	if !ok {
		return false
	}
	defer swap(syscall.SIGTSTP, stop)
	if stop.Handler() == ignored {
		return false
	}
	if on, ok := swap(syscall.SIGCONT, fork.Handled(byDefault)); ok {
		defer swap(syscall.SIGCONT, on)
	}
	var set, old unix.Sigset_t
	set.Val[0] = 1 << (syscall.SIGTSTP - 1)
	if unix.PthreadSigmask(unix.SIG_BLOCK, &set, &old) != nil {
		return false
	}
	_ = unix.Tgkill(unix.Getpid(), unix.Gettid(), syscall.SIGTSTP) // pending, until it is unblocked or a CONT discards it
	if !still() {
		swap(syscall.SIGTSTP, fork.Handled(ignored)) // discards it too
	}
	before := switches()
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	return switches() > before
}

// swap sets the disposition of a signal as dispose does, and gives the one before.
func swap(s syscall.Signal, action fork.Disposition) (before fork.Disposition, ok bool) {
	_, _, errno := syscall.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&action)), uintptr(unsafe.Pointer(&before)), fork.SetSize, 0, 0)
	runtime.KeepAlive(&action)
	return before, errno == 0
}

// ignores says that the disposition is to ignore.
func ignores(s syscall.Signal) bool {
	action := disposition(s)
	return action.Handler() == ignored
}

// disposition is what the kernel does with a signal, a struct sigaction; zero if it does not tell.
func disposition(s syscall.Signal) (action fork.Disposition) {
	_, _, _ = syscall.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), 0, uintptr(unsafe.Pointer(&action)), fork.SetSize, 0, 0)
	return action
}

// switches is how often this thread gave up its processor by itself, as it does to be stopped.
func switches() int64 {
	var use unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_THREAD, &use)
	return int64(use.Nvcsw)
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
