package bound

import (
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is the controlling terminal; nil if there is none.
type terminal struct {
	fd   int
	held bool // its foreground was our group when it was opened
}

func openTerminal() *terminal {
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	t := &terminal{fd: fd}
	t.held = t.ours()
	return t
}

// ours says that our group is in its foreground.
func (t *terminal) ours() bool { return t.foreground() == unix.Getpgrp() }

// foreground is the group that has it; -1 without a terminal.
func (t *terminal) foreground() int {
	if t == nil {
		return -1
	}
	group, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
	if err != nil {
		return -1
	}
	return group
}

// restore takes the terminal back from a group that is no more: a shell that was killed has left it to one of its jobs, whose
// zombies collect collects, as it does the others of this process.
func (t *terminal) restore(collect func()) {
	collect()
	if t == nil {
		return
	}
	defer t.close()
	if !t.held || !t.abandoned(collect) {
		return
	}
	if !signal.Ignored(unix.SIGTTOU) {
		signal.Ignore(unix.SIGTTOU) // we are in the background
		defer signal.Reset(unix.SIGTTOU)
	}
	_ = unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, unix.Getpgrp())
}

// abandoned says that no process is in its foreground, once the last zombie of those that were has been collected.
func (t *terminal) abandoned(collect func()) bool {
	for range 100 {
		group := t.foreground()
		if group == unix.Getpgrp() || group <= 0 { // 0 is one of another PID namespace
			return false
		}
		if unix.Kill(-group, 0) == unix.ESRCH {
			return true
		}
		time.Sleep(time.Millisecond)
		collect()
	}
	return false
}

func (t *terminal) close() {
	if t != nil {
		unix.Close(t.fd)
	}
}

// standard are the standard descriptors, as copies.
func standard() (std [3]*os.File) {
	for i := range std {
		if fd, err := unix.FcntlInt(uintptr(i), unix.F_DUPFD_CLOEXEC, 3); err == nil {
			std[i] = os.NewFile(uintptr(fd), "")
		}
	}
	return std
}
