//go:build linux

package testscripts

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rogpeppe/go-internal/testscript"
)

// marker is the variable that every process of a script inherits, with the script's work directory as value.
const marker = "PIDBOX_SCRIPT"

const scriptLimit = 3 * time.Minute

// setup gives a script its marker, a time limit and a leak check.
func setup(e *testscript.Env) error {
	if err := os.Chmod(filepath.Dir(e.WorkDir), 0o755); err != nil { // scripts run commands as other users
		return err
	}
	if err := os.Chmod(e.WorkDir, 0o755); err != nil {
		return err
	}
	e.Setenv(marker, e.WorkDir)
	e.Setenv("HOME", e.WorkDir)
	e.Values[scriptKey{}] = &script{t: e.T(), env: e.Vars}
	late := time.AfterFunc(scriptLimit, func() {
		e.T().Log(fmt.Sprintf("killed after %v: %q", scriptLimit, kill(e.WorkDir)))
	})
	e.Defer(func() {
		late.Stop()
		defer kill(e.WorkDir)
		if t, ok := e.T().(interface{ Failed() bool }); ok && t.Failed() {
			return
		}
		if left := survivors(e.WorkDir, 10*time.Second); len(left) > 0 {
			e.T().Fatal(fmt.Sprintf("processes outlived the script: %q", left))
		}
	})
	return nil
}

// survivors are the script's processes that are still running when the patience is over.
func survivors(workDir string, patience time.Duration) []string {
	deadline := time.Now().Add(patience)
	for {
		var left []string
		for _, pid := range processes() {
			if marked(pid, workDir) {
				left = append(left, describe(pid))
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// kill ends the script's processes by pidfd: a number could have a new owner by now.
func kill(workDir string) (killed []string) {
	for range 100 { // until those are gone that were forked meanwhile
		found := false
		for _, pid := range processes() {
			fd, err := unix.PidfdOpen(pid, 0)
			if err != nil {
				continue
			}
			if marked(pid, workDir) {
				found = true
				killed = append(killed, describe(pid))
				unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
				unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 1000)
			}
			unix.Close(fd)
		}
		if !found {
			break
		}
	}
	return killed
}

// strays are the processes of the namespace that should not be there at the end.
func strays() []string {
	if !inNamespace() {
		return nil
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		var left []string
		for _, pid := range processes() {
			if pid != 1 && pid != os.Getpid() && running(pid) {
				left = append(left, describe(pid))
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func processes() (pids []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func marked(pid int, workDir string) bool {
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && bytes.Contains(environ, []byte(marker+"="+workDir+"\x00")) && running(pid)
}

// running says whether the process is there and no zombie. Of one with threads the first may be a zombie before the
// others have ended: its pidfd tells. Only what the kernel says of the process counts: a look that failed for another
// reason, such as a signal of the Go runtime that came in between (EINTR, also from a poll that does not wait) or too many
// open files, is repeated.
func running(pid int) bool {
	for {
		fd, err := unix.PidfdOpen(pid, 0)
		switch err {
		case nil:
			ended, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
			unix.Close(fd)
			if err == nil {
				return ended == 0
			}
		case unix.ESRCH, unix.ENOENT, unix.EINVAL: // the last two are a thread's id
			return false
		default:
			time.Sleep(time.Millisecond)
		}
	}
}

// stat is what follows the name in /proc/PID/stat, the state first: see proc_pid_stat(5).
func stat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

func describe(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return fmt.Sprintf("%d %s", pid, strings.TrimSpace(strings.ReplaceAll(string(text), "\x00", " ")))
}
