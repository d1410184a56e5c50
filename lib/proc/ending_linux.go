package proc

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ending asks the pidfd, which knows once the process has been reaped, and before that /proc. The process has ended.
func (p *pidfd) ending() (Ending, error) {
	for range 2 { // it may be reaped between the two looks
		info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
		err := p.with(func(fd int) error { return unix.IoctlPidfdInfo(fd, &info) })
		switch {
		case err == nil && info.Mask&unix.PIDFD_INFO_EXIT != 0:
			return endingOf(int(info.Exit_code)), nil
		case errors.Is(err, os.ErrClosed):
			return Ending{}, err
		}
		var status int
		read := p.facts(func(dir string) (err error) {
			status, err = zombieStatus(dir)
			return err
		})
		switch {
		case read == nil:
			return endingOf(status), nil
		case errors.Is(read, ErrNotFound):
			continue
		case exhausted(read):
			return Ending{}, read
		case err == nil: // so the kernel will tell
			return Ending{}, errUncollected
		}
		return Ending{}, &UntoldError{p.pid, "the kernel does not report it (Linux 6.15 does)"}
	}
	return Ending{}, &UntoldError{p.pid, "its parent had collected it, and the kernel kept nothing (Linux 6.15 does)"}
}

// zombieStatus is the last field of proc_pid_stat(5), which reads 0 for whoever may not trace the process. So that is
// asked of a link which is there for a zombie too.
func zombieStatus(dir string) (int, error) {
	if _, err := os.Readlink(dir + "ns/user"); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(dir + "stat")
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const state, exitCode = 0, 49
	if len(fields) <= exitCode || fields[state] != "Z" {
		return 0, fmt.Errorf("%sstat: not that of a zombie", dir)
	}
	return strconv.Atoi(fields[exitCode])
}
