//go:build linux

package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Stat is what follows the name in /proc/PID/stat, the state first: see proc_pid_stat(5). It is empty for no process.
func Stat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// State is the letter of proc_pid_stat(5), 0 for no process.
func State(pid int) byte {
	if fields := Stat(pid); len(fields) > 0 {
		return fields[0][0]
	}
	return 0
}

// Polls says that a thread waits in poll(2), or in ppoll(2) where there is no other. Its directory is under /proc/PID/task.
func Polls(task string) (bool, error) {
	call, err := os.ReadFile(task + "/syscall")
	if err != nil {
		return false, err
	}
	poll := map[string]string{"amd64": "7", "386": "168", "arm": "168"}[runtime.GOARCH]
	number, _, _ := strings.Cut(string(call), " ")
	return number == poll || number == strconv.Itoa(unix.SYS_PPOLL), nil
}

// Running reports whether there is a process of that number that has not ended. Of one with threads the first may be a
// zombie before the others have ended: its pidfd tells. It panics if it cannot find out, since no answer is right then.
func Running(pid int) bool {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		p, err := Hold(pid)
		switch {
		case err == nil:
			defer p.Close()
			ended, err := p.ended(0)
			if err != nil {
				panic(err)
			}
			return !ended
		case errors.Is(err, unix.ESRCH), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT): // no process, or a thread
			return false
		case errors.Is(err, unix.ENOSYS):
			state := State(pid)
			return state != 0 && state != 'Z' && state != 'X'
		case time.Now().After(end): // descriptors or memory may come back before
			panic(fmt.Errorf("process %d: %w", pid, err))
		}
	}
}

// Pin is a process by a descriptor: it stays that process whoever has its number.
type Pin struct{ fd int }

// Hold pins the process of that number.
func Hold(pid int) (Pin, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	return Pin{fd}, os.NewSyscallError("pidfd_open", err)
}

// Kill ends the process and waits for that.
func (p Pin) Kill() error {
	if err := unix.PidfdSendSignal(p.fd, unix.SIGKILL, nil, 0); err != nil && err != unix.ESRCH {
		return os.NewSyscallError("pidfd_send_signal", err)
	}
	_, err := p.ended(-1)
	return err
}

// Ended reports whether the process has.
func (p Pin) Ended() bool {
	ended, err := p.ended(0)
	return ended && err == nil
}

// ended asks again after a signal: also a poll without a time-out fails by one, as the Go runtime sends them to itself.
func (p Pin) ended(timeout int) (bool, error) {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, timeout)
		if err != unix.EINTR {
			return n > 0, os.NewSyscallError("poll", err)
		}
	}
}

// Close lets go of the process.
func (p Pin) Close() { unix.Close(p.fd) }

// End kills a process which this program caused to be started, and waits until it has ended.
func End(pid int) error {
	p, err := Hold(pid)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer p.Close()
	return p.Kill()
}
