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

// pass passes a signal on to the command, unless the terminal, or the shell that has us as a job, has sent it to both.
func (r *run) pass(s syscall.Signal) {
	switch {
	case s == unix.SIGCHLD:
		r.look()
	case s == unix.SIGCONT && r.continued():
	case r.Upper == nil && r.inForeground() && (s == unix.SIGINT || s == unix.SIGQUIT || s == unix.SIGWINCH):
		// a signal does not say to Go where it came from
	default:
		r.suspended = r.suspended && s != unix.SIGCONT
		_ = r.child.Signal(s) // it may have exited
	}
}

// continued says that a CONT is not to be passed on: the command had it too, or has stopped again since. One that was sent
// to both may come to us late, when the next stop has been followed already.
func (r *run) continued() bool {
	has := r.look() || r.resumed
	r.resumed = false
	return has
}

// look says whether the command was continued as we were since the last look, or has stopped in a way that we followed.
func (r *run) look() bool {
	stop := r.state(unix.WSTOPPED)
	again := stop == 0 && r.state(unix.WCONTINUED) != 0
	if r.suspended && (again || stop != 0) { // not by us
		r.suspended, r.resumed = false, true
	}
	return again || r.stopped(stop)
}

// stopped follows the command into a stop that it has brought about itself, as an editor does to give the terminal back:
// for our parent, a shell, we are the job. The kernel knows where no shell would continue us, and does not stop us there.
// Another stop, by STOP or where there is no terminal, is not the shell's affair, and nobody would continue us after it.
func (r *run) stopped(by syscall.Signal) bool {
	switch by {
	case unix.SIGTSTP:
		r.suspended = r.inForeground()
	case unix.SIGTTIN, unix.SIGTTOU:
		r.suspended = true
	default:
		return false
	}
	if r.suspended {
		r.suspend()
	}
	return r.suspended
}

// suspend stops the process that the shell knows.
func (r *run) suspend() {
	if r.Upper != nil {
		_ = r.Upper.handle.Signal(unix.SIGTSTP)
		return
	}
	_ = unix.Kill(unix.Getpid(), unix.SIGTSTP)
}

// state is the signal that the command was stopped or continued by since the last look; 0 if it was not, or is not any more.
func (r *run) state(which int) syscall.Signal {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, r.child.PID(), &info, which|unix.WNOHANG, nil)
	if err != nil || info.Signo == 0 {
		return 0
	}
	return syscall.Signal(stopStatus(&info))
}

// inForeground says that our group has the terminal, and the command with it.
func (r *run) inForeground() bool {
	t := openTerminal()
	defer t.close()
	if r.Upper != nil {
		return t.foreground() == r.Upper.group
	}
	return t.ours()
}

// stopStatus is si_status of a SIGCHLD siginfo_t: the third of the fields behind signo, errno and code, aligned as a pointer
// is.
func stopStatus(info *unix.Siginfo) int32 {
	at := (unsafe.Sizeof(info.Signo)*3 + unsafe.Sizeof(uintptr(0)) - 1) &^ (unsafe.Sizeof(uintptr(0)) - 1)
	return *(*int32)(unsafe.Add(unsafe.Pointer(info), at+8))
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
