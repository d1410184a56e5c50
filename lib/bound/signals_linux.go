package bound

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// listen takes the signals that are passed on: those by which a program is told something. Those that stop it have their
// effect here too, and the terminal sends them to both. CHLD is for the command's own stops.
func listen() (<-chan syscall.Signal, func()) {
	all := []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGCONT,
		unix.SIGWINCH, unix.SIGIO, unix.SIGPWR, unix.SIGVTALRM, unix.SIGXCPU, unix.SIGPROF, unix.SIGSTKFLT, unix.SIGCHLD}
	for s := syscall.Signal(34); s <= 64; s++ {
		all = append(all, s)
	}
	from := make(chan os.Signal, 64)
	for _, s := range all {
		if !signals.Ignored(s.(syscall.Signal)) {
			signal.Notify(from, s)
		}
	}
	to, over := make(chan syscall.Signal), make(chan struct{})
	go func() {
		for {
			select {
			case s := <-from:
				select {
				case to <- s.(syscall.Signal):
				case <-over:
					return
				}
			case <-over:
				return
			}
		}
	}()
	return to, sync.OnceFunc(func() {
		signal.Stop(from)
		signals.QuitAsUsual()
		close(over)
	})
}

// ends says that a signal is one by which a program is asked to end.
func ends(s syscall.Signal) bool {
	return s == unix.SIGTERM || s == unix.SIGINT || s == unix.SIGQUIT || s == unix.SIGHUP
}

// pass passes a signal on to the command, unless the terminal has sent it to both.
func (r *run) pass(s syscall.Signal) {
	switch {
	case s == unix.SIGCHLD:
		r.stopped()
	case r.Upper == nil && fromTerminal(s):
	default:
		_ = r.child.Signal(s) // it may have exited
	}
}

// stopped follows the command into a stop that it has brought about itself, as an editor does to give the terminal back:
// for our parent, a shell, we are the job. The kernel knows where no shell would continue us, and does not stop us there.
// Another stop, by STOP or where there is no terminal, is not the shell's affair, and nobody would continue us after it.
func (r *run) stopped() {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, r.child.PID(), &info, unix.WSTOPPED|unix.WNOHANG, nil)
	if err != nil || info.Signo == 0 {
		return
	}
	switch stop := syscall.Signal(stopStatus(&info)); stop {
	case unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
	default:
		return
	}
	t := openTerminal()
	defer t.close()
	switch {
	case t == nil:
	case r.Upper != nil:
		_ = r.Upper.handle.Signal(unix.SIGTSTP)
	default:
		_ = unix.Kill(unix.Getpid(), unix.SIGTSTP)
	}
}

// stopStatus is si_status of a SIGCHLD siginfo_t: the third of the fields behind signo, errno and code, aligned as a pointer
// is.
func stopStatus(info *unix.Siginfo) int32 {
	at := (unsafe.Sizeof(info.Signo)*3 + unsafe.Sizeof(uintptr(0)) - 1) &^ (unsafe.Sizeof(uintptr(0)) - 1)
	return *(*int32)(unsafe.Add(unsafe.Pointer(info), at+8))
}

// fromTerminal says that a signal is one that the terminal sends to all of its foreground group, and that this is ours,
// the command with it. A signal does not say to Go where it came from.
func fromTerminal(s syscall.Signal) bool {
	if s != unix.SIGINT && s != unix.SIGQUIT && s != unix.SIGWINCH {
		return false
	}
	t := openTerminal()
	defer t.close()
	return t.ours()
}

// ignored are the signals which the command is to ignore as well, all that is known of them: see signals.Ignored.
func ignored() (all []syscall.Signal) {
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		if signals.Ignored(s) {
			all = append(all, s)
		}
	}
	return all
}

// dumpNoCore is for who is about to die as the command did: there is a core of that already.
func dumpNoCore(end spawn.Ending) {
	if end.Signal != 0 {
		_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	}
}
