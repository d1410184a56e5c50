package proc

import (
	"errors"

	"golang.org/x/sys/unix"
)

var errNoPidfd = errors.New("no pidfds")

func open(pid int) (link, error) {
	if forced == "" {
		if l, err := openPidfd(pid); !errors.Is(err, errNoPidfd) {
			return l, err
		}
	}
	if forced != "bare" {
		if l, err := openProcDir(pid); !errors.Is(err, ErrNoProc) {
			return l, err
		}
	}
	return openBare(pid)
}

// check fails as a signal to the process would. Unlike kill(2), tgkill(2) tells a process's number from a thread's.
func check(pid int) error { return unix.Tgkill(pid, pid, 0) }

// childEnded reports that the process is a zombie of ours, and leaves it one.
func childEnded(pid int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo != 0
}

// exhausted says that err is for want of descriptors or memory: what was looked for may be there.
func exhausted(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}
