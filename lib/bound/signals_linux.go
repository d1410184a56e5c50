package bound

import (
	"os/signal"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// told are the signals by which a program is told something: they are passed on. CHLD is for orphans, and the command's own
// stops.
func told() []syscall.Signal {
	all := []syscall.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM,
		unix.SIGCONT, unix.SIGWINCH, unix.SIGIO, unix.SIGPWR, unix.SIGVTALRM, unix.SIGXCPU, unix.SIGPROF, unix.SIGCHLD}
	if s := unix.SignalNum("SIGSTKFLT"); s != 0 { // which MIPS has not
		all = append(all, s)
	}
	for s := syscall.Signal(34); s <= 64; s++ {
		all = append(all, s)
	}
	return all
}

// followStops takes those signals too that stop a program: from now on this one stops as the command does, whether that
// heeds the keys of the terminal or not.
func (r *run) followStops(terminal bool) {
	if terminal {
		r.Take(unix.SIGTSTP, unix.SIGTTIN)
	}
	if r.above() {
		r.Take(unix.SIGTTOU) // by which the lower one asks for it
	} else {
		signal.Ignore(unix.SIGTTOU) // in the background of the terminal as it is, it may have a line to print
	}
}

// ends says that a signal is one by which a program is asked to end.
func ends(s syscall.Signal) bool {
	return s == unix.SIGTERM || s == unix.SIGINT || s == unix.SIGQUIT || s == unix.SIGHUP
}

// pass passes a signal on to the command, unless that has had it as well.
func (r *run) pass(s syscall.Signal) {
	switch {
	case s == unix.SIGCHLD:
		r.keeping.orphans.Collect()
		r.look()
	case r.shared(s):
	case s == unix.SIGTTOU:
		r.suspend()
	default:
		_ = r.child.Signal(s) // it may have exited
	}
}

// shared says that a signal was sent to our group, and the command is in it. Without a witness the terminal is believed to have
// sent what it could have, and the command to have been continued by another if it was.
func (r *run) shared(s syscall.Signal) bool {
	if r.Upper != nil { // which passes on none of those
		return false
	}
	if had, knows := r.witness.had(s); knows {
		return had && (r.above() || r.inGroup())
	}
	switch s {
	case unix.SIGINT, unix.SIGQUIT, unix.SIGWINCH, unix.SIGTSTP, unix.SIGTTIN:
		return r.inForeground()
	case unix.SIGCONT:
		return r.child.Over() || r.state(unix.WSTOPPED|unix.WNOWAIT) != 0 || r.state(unix.WCONTINUED) != 0
	}
	return false
}

// inGroup says that the command is in our group still.
func (r *run) inGroup() bool {
	group, err := unix.Getpgid(r.child.PID())
	return err == nil && group == unix.Getpgrp()
}

// look follows the command into a stop that a shell is to know of: for our parent, a shell, we are the job. Another stop, by
// STOP or where there is no terminal, is not its affair, and nobody would continue us after it.
func (r *run) look() {
	switch r.state(unix.WSTOPPED) {
	case unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		if r.Upper != nil {
			_ = r.Upper.handle.Signal(unix.SIGTTOU)
			return
		}
		r.suspend()
	}
}

// suspend stops us as the terminal does. The CONT after it is passed on, if it was ours alone. Where no shell would continue
// us the kernel does not stop us.
func (r *run) suspend() {
	if foreground() < 0 {
		return
	}
	r.witness.keep(unix.SIGTSTP, unix.SIGTTIN)
	if signals.Suspend(r.unchanged) && !r.shared(unix.SIGCONT) {
		_ = r.child.Signal(unix.SIGCONT)
	}
}

// unchanged says that the command has not been continued, or ended, since the last look.
func (r *run) unchanged() bool {
	return !r.child.Over() && r.state(unix.WSTOPPED|unix.WCONTINUED|unix.WNOWAIT) == 0
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
func (r *run) inForeground() bool { return foreground() == unix.Getpgrp() }

// foreground is the group that has our terminal; -1 without one.
func foreground() int {
	t := openTerminal()
	defer t.close()
	return t.foreground()
}

// stopStatus is si_status of a SIGCHLD siginfo_t: the third of the fields behind signo, errno and code, aligned as a pointer
// is.
func stopStatus(info *unix.Siginfo) int32 {
	at := (unsafe.Sizeof(info.Signo)*3 + unsafe.Sizeof(uintptr(0)) - 1) &^ (unsafe.Sizeof(uintptr(0)) - 1)
	return *(*int32)(unsafe.Add(unsafe.Pointer(info), at+8))
}

// ignored are the signals which the command is to ignore as well, all that is known of them: see signals.Ignored.
func ignored() (all []syscall.Signal) {
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU} {
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
