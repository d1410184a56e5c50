//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"pidbox/testscripts/lab"
)

// calls are what stands between a look at a pidfile or a process and an act on it, in one tool or another.
var calls = []string{"openat", "newfstatat", "read", "pread64", "fgetxattr", "fsetxattr", "flock", "pidfd_open", "pidfd_send_signal",
	"kill", "poll", "ppoll", "write", "linkat", "rename", "renameat", "renameat2", "unlink", "unlinkat"}

// most is how many occurrences of one call are tried; delay is how long strace(1) then holds the tool before the call.
const (
	most  = 8
	delay = 100 * time.Millisecond
)

// atEachCall runs what the round makes once for each system call of a tool that strace then holds, and has meanwhile run
// while it is held. A tool that is slow for another reason is taken for held: then it is another moment that is tried.
func atEachCall(round func(at string) (argv []string, meanwhile func() error, judge func(status int) error, err error)) error {
	strace, err := lab.LookPath("strace")
	if err != nil {
		return err
	}
	for _, call := range calls {
		for n := 1; n <= most; n++ {
			at := fmt.Sprintf("%s %d", call, n)
			argv, meanwhile, judge, err := round(at)
			if err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
			was, status, err := held(append([]string{strace, "-f", "-o", os.DevNull, "-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:delay_enter=%d:when=%d", call, delay.Microseconds(), n)}, argv...), meanwhile)
			if err == nil {
				err = judge(status)
			}
			if err != nil {
				return fmt.Errorf("at %s: %w", at, err)
			}
			if !was {
				break // there is no such call, or there are no more
			}
		}
	}
	return nil
}

// held runs a command under strace, and meanwhile as soon as a thread of it is held, or at last when it has ended.
func held(argv []string, meanwhile func() error) (was bool, status int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	if err := cmd.Start(); err != nil {
		return false, 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var before []string
	for {
		select {
		case <-ended:
			if ctx.Err() != nil {
				return false, 0, fmt.Errorf("%q did not end within %v", argv, limit)
			}
			return false, cmd.ProcessState.ExitCode(), meanwhile()
		case <-time.After(delay / 5):
		}
		now := traced()
		if slices.ContainsFunc(now, func(task string) bool { return slices.Contains(before, task) }) {
			err := meanwhile()
			<-ended
			if ctx.Err() != nil {
				err = errors.Join(err, fmt.Errorf("%q did not end within %v", argv, limit))
			}
			return true, cmd.ProcessState.ExitCode(), err
		}
		before = now
	}
}

// traced lists the threads that a tracer has stopped.
func traced() (tasks []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/task/[0-9]*")
	for _, file := range files {
		if tid, err := strconv.Atoi(filepath.Base(file)); err == nil && lab.State(tid) == 't' {
			tasks = append(tasks, file)
		}
	}
	return tasks
}

// claimant makes a process, and one more, and has the first claimed.
func (s *scene) claimant() (*lab.Process, error) {
	if err := directory(); err != nil {
		return nil, err
	}
	os.Remove(pidfile)
	p, err := lab.Fixture(lab.Plain)
	if err != nil {
		return nil, err
	}
	return p, s.claimed(pidfile, p.PID)
}

func strangerMeanwhile(s *scene) error {
	return atEachCall(func(string) ([]string, func() error, func(int) error, error) {
		first, err := s.claimant()
		if err != nil {
			return nil, nil, nil, err
		}
		var stranger *lab.Process
		meanwhile := func() (err error) {
			first.Kill()
			stranger, err = lab.FixtureAs(first.PID, lab.Plain)
			return err
		}
		return s.tool.stop(pidfile), meanwhile, func(int) error {
			defer stranger.Kill()
			if died(stranger) {
				return errors.New("the stranger was killed")
			}
			return nil
		}, nil
	})
}

// successorMeanwhile: what is being stopped ends, and its successor claims the pidfile, as a start would.
func successorMeanwhile(s *scene) error {
	return atEachCall(func(string) ([]string, func() error, func(int) error, error) {
		first, err := s.claimant()
		if err != nil {
			return nil, nil, nil, err
		}
		next, err := lab.Fixture(lab.Plain)
		if err != nil {
			return nil, nil, nil, err
		}
		meanwhile := func() error {
			first.Kill()
			return s.claimed(pidfile, next.PID)
		}
		return s.tool.stop(pidfile), meanwhile, func(int) error {
			defer next.Kill()
			text, _ := os.ReadFile(pidfile)
			if !died(next) && string(text) != fmt.Sprintln(next.PID) { // the tool may have read the successor's claim
				return fmt.Errorf("the successor's pidfile holds %q", text)
			}
			return nil
		}, nil
	})
}

func rivalMeanwhile(s *scene) error { return rival(s, false) }

func removedMeanwhile(s *scene) error { return rival(s, true) }

// rival: a claim is held, and another is made meanwhile, after somebody removed the file. Of the two one wins, unless
// what was removed was the first's claim already.
func rival(s *scene, remove bool) error {
	return atEachCall(func(string) ([]string, func() error, func(int) error, error) {
		old, err := s.claimant() // a stale pidfile
		if err != nil {
			return nil, nil, nil, err
		}
		old.Kill()
		first, err := lab.Fixture(lab.Plain)
		if err != nil {
			return nil, nil, nil, err
		}
		other, err := lab.Fixture(lab.Plain)
		if err != nil {
			return nil, nil, nil, err
		}
		var second int
		late := false
		meanwhile := func() error {
			if remove {
				os.Rename(pidfile, pidfile+".removed") // to see what it was
				text, _ := os.ReadFile(pidfile + ".removed")
				late = string(text) != fmt.Sprintln(old.PID)
			}
			second = s.do(s.tool.claim(pidfile, other.PID)).status
			return nil
		}
		return s.tool.claim(pidfile, first.PID), meanwhile, func(status int) error {
			defer first.Kill()
			defer other.Kill()
			text, _ := os.ReadFile(pidfile)
			winner := map[bool]int{status == 0: first.PID, second == 0: other.PID}[true]
			if status == 0 && second == 0 && !late || status != 0 && second != 0 || !late && string(text) != fmt.Sprintln(winner) {
				return fmt.Errorf("statuses %d and %d, and the pidfile of %d or %d holds %q", status, second, first.PID, other.PID, text)
			}
			return nil
		}, nil
	})
}
