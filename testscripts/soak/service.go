//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"pidbox/testscripts/lab"
)

// service is one pidfile, and all that happens to it, one thing after another.
type service struct {
	*run
	rand *rand.Rand
	dir  string
	file string // the pidfile
	lock string // held by each owner for life: two cannot be

	lastKill time.Time // of a tool, which may have left files that later ones remove
}

func (r *run) service(i int) (*service, error) {
	dir := fmt.Sprintf("/run/soak/%d", i)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	s := &service{
		run: r, rand: rand.New(rand.NewPCG(r.seed, uint64(i))), dir: dir, file: dir + "/x.pid", lock: dir + "/lock",
	}
	go s.readers()
	return s, nil
}

// readers reads the pidfile as Monit does, and complains of anything but a whole number and a newline.
func (s *service) readers() {
	for !s.closed.Load() {
		text, err := os.ReadFile(s.file)
		number, whole := strings.CutSuffix(string(text), "\n")
		if _, e := strconv.Atoi(number); err == nil && (!whole || e != nil) {
			s.violation("%s: a reader saw %q", s.file, text)
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// result is how a tool ended.
type result struct {
	status int // -1: by a signal
	argv   []string
	text   string
}

func (r result) String() string { return fmt.Sprintf("%q: status %d: %s", r.argv, r.status, r.text) }

// begin starts a tool; its end is on the channel.
func (s *service) begin(argv ...string) (*exec.Cmd, <-chan result) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	cmd := exec.CommandContext(ctx, "/run/bin/"+argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), lab.As(lab.Owner))
	var out bytes.Buffer
	cmd.Stderr = &out
	cmd.WaitDelay = time.Second
	ended := make(chan result, 1)
	if err := cmd.Start(); err != nil {
		s.violation("%q: %v", argv, err)
		cancel()
		ended <- result{-1, argv, err.Error()}
		return nil, ended
	}
	go func() {
		defer cancel()
		err := cmd.Wait()
		if ctx.Err() != nil && !errors.Is(err, exec.ErrWaitDelay) {
			s.violation("%q did not end within %v", argv, patience)
		}
		ended <- result{cmd.ProcessState.ExitCode(), argv, strings.TrimSpace(out.String())}
	}()
	return cmd, ended
}

// tool runs a tool to its end. A busy lock is no answer: on a loaded machine somebody may hold one for long.
func (s *service) tool(argv ...string) result {
	for deadline := time.Now().Add(patience); ; {
		_, ended := s.begin(argv...)
		if r := <-ended; r.status != 75 || time.Now().After(deadline) {
			return r
		}
		s.count("busy lock")
	}
}

// want runs a tool that must end with one of the statuses, the first of which is meant.
func (s *service) want(status int, argv ...string) bool {
	r := s.tool(argv...)
	if r.status != status {
		s.violation("%v: wanted %d", r, status)
	}
	return r.status == status
}

// eventually waits for a condition that must come.
func (s *service) eventually(what string, condition func() bool) bool {
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.violation("%s: not within %v: %s", s.dir, patience, what)
			return false
		}
	}
	return true
}

// named is the number in a pidfile, 0 without one.
func named(file string) int {
	text, _ := os.ReadFile(file)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

func (s *service) names(pid int) bool {
	if now := named(s.file); now != pid {
		s.violation("%s names %d, not its owner %d", s.file, now, pid)
		return false
	}
	return true
}

func (s *service) missing(file string) {
	if _, err := os.Lstat(file); err == nil {
		s.violation("%s is there after its owner was stopped", file)
	}
}

// killed notes that a tool was.
func (s *service) killed() { s.lastKill = time.Now() }

// clean looks after a life whether the tools have left anything beside the pidfile. What a killed one leaves is removed
// by a later one: a lock file by the next to use it, a temporary file when it is old.
func (s *service) clean(began time.Time) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		s.violation("%v", err)
	}
	for _, e := range entries {
		isLock := e.Name() == "."+filepath.Base(s.file)+".lock"
		isTemporary := strings.HasPrefix(e.Name(), ".") && !strings.HasSuffix(e.Name(), ".lock")
		if isLock && s.lastKill.Before(began) || isTemporary && time.Since(s.lastKill) > 3*time.Minute {
			s.violation("%s: %s was left", s.dir, e.Name())
		}
	}
}

// owner is the command of a process that owns this service.
func (s *service) owner() []string { return []string{s.self, s.lock, s.wrongs} }

// owners are those that run.
func (s *service) owners() []int {
	return lab.Processes(func(argv []string) bool { return slices.Equal(argv, s.owner()) })
}
