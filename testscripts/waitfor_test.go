//go:build linux

package testscripts

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"pidbox/testscripts/lab"
)

// waitfor [-t D] exists FILE | alive PID | gone PID | none NAME | watched PID N | grep RE FILE: waits until it is so; with !
// until it is not so. None is for processes of the script, by the name that they were called by. A process is watched by those
// who wait for its end: the suite is none of them.
// PID is a number or a pidfile; a zombie is gone.
func waitfor(ts *testscript.TestScript, neg bool, args []string) {
	const usage = "waitfor [-t duration] exists file | alive pid | gone pid | none name | watched pid n | grep regexp file"
	limit := patience
	if len(args) > 1 && args[0] == "-t" {
		d, err := time.ParseDuration(args[1])
		ts.Check(err)
		limit, args = d, args[2:]
	}
	needArgs(ts, args, 2, usage)
	holds := awaited(ts, args, usage)
	for end := time.Now().Add(limit); holds() == neg; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			if text, err := os.ReadFile(ts.MkAbs(args[len(args)-1])); err == nil {
				ts.Logf("[%s]\n%s", args[len(args)-1], text)
			}
			ts.Fatalf("waited %v in vain for %q", limit, args)
		}
	}
}

func awaited(ts *testscript.TestScript, args []string, usage string) func() bool {
	switch args[0] {
	case "exists":
		return func() bool { _, err := os.Lstat(ts.MkAbs(args[1])); return err == nil }
	case "alive":
		return func() bool { pid, err := pidOf(ts, args[1]); return err == nil && lab.Running(pid) }
	case "gone":
		pid, err := pidOf(ts, args[1]) // now: the file may change or go away
		ts.Check(err)
		return func() bool { return !lab.Running(pid) }
	case "none":
		return func() bool { return len(called(ts, args[1:])) == 0 }
	case "watched":
		needArgs(ts, args, 3, usage)
		pid, err := pidOf(ts, args[1])
		ts.Check(err)
		n, err := strconv.Atoi(args[2])
		ts.Check(err)
		return func() bool { return watchers(pid) >= n }
	case "grep":
		needArgs(ts, args, 3, usage)
		re, err := regexp.Compile("(?m)" + args[1])
		ts.Check(err)
		return func() bool { text, err := os.ReadFile(ts.MkAbs(args[2])); return err == nil && re.Match(text) }
	}
	ts.Fatalf("usage: %s", usage)
	return nil
}

// called are the processes of the script that run under one of those names.
func called(ts *testscript.TestScript, names []string) (pids []int) {
	for _, pid := range lab.PIDs() {
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		name, _, _ := strings.Cut(string(cmdline), "\x00")
		if slices.Contains(names, filepath.Base(name)) && marked(pid, ts.Getenv("WORK")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// watchers is how many other processes wait in poll(2) and have a pidfd of one, as those that wait for its end.
func watchers(pid int) (n int) {
	for _, of := range lab.PIDs() {
		infos, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", of))
		if of != os.Getpid() && polls(of) && slices.ContainsFunc(infos, func(info string) bool {
			text, _ := os.ReadFile(info)
			return strings.Contains(string(text), fmt.Sprintf("\nPid:\t%d\n", pid))
		}) {
			n++
		}
	}
	return n
}

// polls says that a thread of the process waits in poll(2).
func polls(pid int) bool {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	return slices.ContainsFunc(tasks, func(task string) bool {
		is, err := lab.Polls(task)
		return err == nil && is
	})
}

// pidOf is a number, or the one in a pidfile.
func pidOf(ts *testscript.TestScript, arg string) (int, error) {
	if pid, err := strconv.Atoi(arg); err == nil {
		return pid, nil
	}
	text, err := os.ReadFile(ts.MkAbs(arg))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
