//go:build linux

package testscripts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"pidbox/testscripts/lab"
)

// These run in numbers that take seconds; those of keepalive_supervisor_test.go in the numbers of the contract.

func TestKeepAliveChaos(t *testing.T)   { keepAliveChaos(t, 200) }
func TestKeepAliveCrashes(t *testing.T) { keepAliveCrashes(t, 300) }
func TestKeepAliveMany(t *testing.T)    { keepAliveMany(t, 20, 2*time.Second) }
func TestKeepAliveStorm(t *testing.T)   { keepAliveStorm(t, 7*time.Second) }
func TestKeepAliveIdle(t *testing.T)    { keepAliveMany(t, 1, 10*time.Second) }

// supervisor is a keep-alive of a sleep that is told from all others by its argument.
type supervisor struct {
	*testing.T
	dir, mark string
	cmd       *exec.Cmd
	ended     chan struct{}
	log       *os.File // nil: the file log in dir
}

func (s *supervisor) pidfile() string { return filepath.Join(s.dir, "x.pid") }
func (s *supervisor) child() string   { return filepath.Join(s.dir, "x.child.pid") }

func (s *supervisor) start() {
	s.Helper()
	log := s.log
	if log == nil {
		var err error
		if log, err = os.OpenFile(filepath.Join(s.dir, "log"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644); err != nil {
			s.Fatal(err)
		}
		defer log.Close()
	}
	s.cmd = exec.Command("keep-alive", "-p", s.pidfile(), "--free-restarts", "1000000", "--", "sleep", s.mark)
	s.cmd.Stderr = log
	if err := s.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	cmd, ended := s.cmd, make(chan struct{})
	s.ended = ended
	go func() { cmd.Wait(); close(ended) }()
}

func (s *supervisor) kill() {
	s.cmd.Process.Kill()
	<-s.ended
}

// answers waits until the supervisor does: from then on a signal is a request to it. Its child may be its predecessor's,
// and run long before.
func (s *supervisor) answers() {
	s.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		out, err := exec.Command("keep-alive", "--status", "-p", s.pidfile()).CombinedOutput()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			s.Fatalf("--status: %v: %s\n%s", err, out, log)
		}
	}
}

// stop ends the supervisor in good order and finds nothing left.
func (s *supervisor) stop() {
	s.Helper()
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(patience):
		s.Fatal("keep-alive does not end")
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.Errorf("keep-alive ended with %d", code)
	}
	for _, path := range []string{s.pidfile(), s.child(), s.pidfile() + ".control"} {
		if _, err := os.Lstat(path); err == nil {
			s.Errorf("%s is left", path)
		}
	}
	if left := s.children(); len(left) > 0 {
		s.Errorf("children are left: %v", left)
	}
}

// children are the live processes that run the supervised command.
func (s *supervisor) children() (pids []int) {
	want := "sleep\x00" + s.mark + "\x00"
	for _, pid := range lab.PIDs() {
		if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && string(line) == want && lab.Running(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// two finds two children that live at one moment: each is looked at twice.
func (s *supervisor) two() []int {
	pids := s.children()
	if len(pids) < 2 {
		return nil
	}
	var alive []int
	for range 2 { // what still lives in the second round lived beside all that was seen in the first
		alive = nil
		for _, pid := range pids {
			if lab.Running(pid) {
				alive = append(alive, pid)
			}
		}
		pids = alive
	}
	if len(alive) < 2 {
		return nil
	}
	return alive
}

// serving waits for the one child that the pidfile names, and returns it.
func (s *supervisor) serving() int {
	s.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		pid, err := readPID(s.child())
		pids := s.children()
		if err == nil && len(pids) == 1 && pids[0] == pid {
			return pid
		}
		if time.Now().After(end) {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			s.Fatalf("the pidfile names %d (%v), these run: %v\n%s", pid, err, pids, log)
		}
	}
}
