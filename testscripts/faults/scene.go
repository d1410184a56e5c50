//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"pidbox/testscripts/lab"
)

// scene is where one tool meets one fault.
type scene struct{ tool tool }

// result is how a command of the tool ended.
type result struct {
	status int // -1: a signal or no end
	text   string
}

// limit is far above what any of the operations takes.
const limit = 20 * time.Second

func (s *scene) do(argv []string, change ...func(*exec.Cmd)) result {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	path, err := lab.LookPath(argv[0])
	if strings.Contains(argv[0], "/") {
		path, err = argv[0], nil
	}
	if err != nil {
		return result{-1, err.Error()}
	}
	cmd := exec.CommandContext(ctx, path, argv[1:]...)
	cmd.Args[0] = argv[0]
	cmd.Env = append(os.Environ(), "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	cmd.WaitDelay = time.Second
	for _, f := range change {
		f(cmd)
	}
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return result{-1, fmt.Sprintf("%q did not end within %v", argv, limit)}
	}
	if cmd.ProcessState == nil {
		return result{-1, err.Error()}
	}
	return result{cmd.ProcessState.ExitCode(), string(out)}
}

// died says whether a process that nobody should have signalled ends: some tools do not wait for what they did.
func died(p *lab.Process) bool {
	select {
	case <-p.Gone():
		return true
	case <-time.After(200 * time.Millisecond):
		return !p.Running()
	}
}

// claimed has the tool's own way of naming a process in a pidfile; tools without one find the number there.
func (s *scene) claimed(file string, pid int) error {
	for _, how := range []func(string, int) []string{s.tool.notes, s.tool.claim} {
		if how == nil {
			continue
		}
		if r := s.do(how(file, pid)); r.status != 0 {
			return fmt.Errorf("claim: %v", r)
		}
		return nil
	}
	return os.WriteFile(file, fmt.Appendln(nil, pid), 0o644)
}

// names reports whether the number in a pidfile is the daemon's, or that of the tool where it stays as its parent.
func (s *scene) names(pid, daemon int) bool {
	if pid == daemon || !s.tool.stays {
		return pid == daemon
	}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", daemon))
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	return len(fields) > 1 && fields[1] == strconv.Itoa(pid)
}

// spares has the tool stop what the file names, which must not be this process.
func (s *scene) spares(p *lab.Process, file, otherwise string) error {
	s.do(s.tool.stop(file))
	if died(p) {
		return errors.New(otherwise)
	}
	return nil
}

func number(text []byte) int {
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}

// namedBy waits until a pidfile is there and names a running process.
func namedBy(file string) (int, error) {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(file)
		pid, e := strconv.Atoi(strings.TrimSpace(string(text)))
		if err == nil && e == nil && lab.Running(pid) {
			return pid, nil
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("the pidfile holds %q (%v), which names no running process", text, err)
		}
	}
}

// sleepers are the daemons that run with this marker among their arguments.
func sleepers(marker string) []int {
	return lab.Processes(func(argv []string) bool { return argv[0] == sleeperPath && slices.Contains(argv, marker) })
}

// sleeperPath is a program that takes and ignores a marker; it does not fork.
const sleeperPath = "/usr/bin/tail"

func sleeper(marker string) []string { return []string{sleeperPath, "-f", "/dev/null", marker} }

// settled is sleepers once their number has not changed for a while: some tools return before they have started.
func settled(marker string) []int {
	before := -1
	for same := 0; same < 10; same++ {
		if now := len(sleepers(marker)); now != before {
			before, same = now, 0
		}
		time.Sleep(30 * time.Millisecond)
	}
	return sleepers(marker)
}

func killAll(pids []int) {
	for _, pid := range pids {
		_ = lab.End(pid) // the namespace ends it else
	}
}

func missing(file string) error {
	if _, err := os.Lstat(file); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is there (%v)", file, err)
	}
	return nil
}
