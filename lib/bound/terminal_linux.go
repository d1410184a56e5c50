package bound

import (
	"os"
	"os/signal"

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
func (t *terminal) ours() bool {
	if t == nil {
		return false
	}
	group, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// restore takes the terminal back from a group that is no more: a shell that was killed has left it to one of its jobs.
func (t *terminal) restore() {
	if t == nil {
		return
	}
	defer t.close()
	group, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
	if err != nil || !t.held || group == unix.Getpgrp() || unix.Kill(-group, 0) != unix.ESRCH {
		return
	}
	if !signal.Ignored(unix.SIGTTOU) {
		signal.Ignore(unix.SIGTTOU) // we are in the background
		defer signal.Reset(unix.SIGTTOU)
	}
	_ = unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, unix.Getpgrp())
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
