//go:build linux

package testscripts

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"pidbox/lib/cgroup"
	"pidbox/lib/fault/agent"
	"pidbox/testscripts/lab"
)

// marker is the variable that every process of a script inherits, with the script's work directory as value.
const marker = "PIDBOX_SCRIPT"

const scriptLimit = 10 * time.Minute // for what hangs: a script does so much and no more, however slow the machine

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
	for _, more := range []int{3, 5} { // NICE_3 is three above ours, or the highest there is
		e.Setenv(fmt.Sprintf("NICE_%d", more), strconv.Itoa(min(niceness()+more, 19)))
	}
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
		if left := survivors(e.WorkDir, time.Minute); len(left) > 0 {
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
		for _, pid := range lab.PIDs() {
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
		for _, pid := range lab.PIDs() {
			p, err := lab.Hold(pid)
			if err != nil {
				continue
			}
			if marked(pid, workDir) {
				found = true
				killed = append(killed, describe(pid))
				p.Kill()
			}
			p.Close()
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
	deadline := time.Now().Add(time.Minute)
	for {
		var left []string
		for _, pid := range lab.PIDs() {
			if pid != 1 && pid != os.Getpid() && lab.Running(pid) {
				left = append(left, describe(pid))
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// strayGroups are control groups that agents of this namespace have left.
func strayGroups() (left []string) {
	if !inNamespace() {
		return nil
	}
	g, err := cgroup.Make(fmt.Sprintf("pidbox-stray-%d-%d", os.Getpid(), time.Now().UnixNano()))
	if err != nil {
		return nil
	}
	defer g.Remove()
	suffix := agent.GroupName("")
	entries, _ := os.ReadDir(filepath.Dir(g.Path()))
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), agent.TablePrefix) || !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		// The empty one of an agent that was killed is there until another agent begins, a minute later.
		if os.Remove(filepath.Join(filepath.Dir(g.Path()), e.Name())) != nil {
			left = append(left, e.Name())
		}
	}
	return left
}

func marked(pid int, workDir string) bool {
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && bytes.Contains(environ, []byte(marker+"="+workDir+"\x00")) && lab.Running(pid)
}

func describe(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return fmt.Sprintf("%d %s", pid, strings.TrimSpace(strings.ReplaceAll(string(text), "\x00", " ")))
}

// niceness is that of this process: a whole run may be a nice one.
func niceness() int {
	raw, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		return 0
	}
	return 20 - raw // the system call adds 20 to its opposite
}
