//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pidbox/testscripts/lab"
)

func reused(s *scene) (*lab.Process, error) {
	if err := directory(); err != nil {
		return nil, err
	}
	first, err := lab.Fixture(lab.Plain)
	if err != nil {
		return nil, err
	}
	if err := s.claimed(pidfile, first.PID); err != nil {
		return nil, err
	}
	first.Kill()
	return lab.FixtureAs(first.PID, lab.Plain)
}

func reusedStop(s *scene) error {
	stranger, err := reused(s)
	if err != nil {
		return err
	}
	defer stranger.Kill()
	return s.spares(stranger, pidfile, "the stranger was killed")
}

func reusedStatus(s *scene) error {
	stranger, err := reused(s)
	if err != nil {
		return err
	}
	defer stranger.Kill()
	if r := s.do(s.tool.alive(pidfile)); r.status == 0 {
		return errors.New("the stranger is taken for the process")
	}
	return nil
}

func threaded() (*lab.Process, error) {
	if err := directory(); err != nil {
		return nil, err
	}
	p, err := lab.Fixture(lab.Plain)
	if err != nil {
		return nil, err
	}
	return p, os.WriteFile(pidfile, fmt.Appendln(nil, p.Number), 0o644)
}

func threadStop(s *scene) error {
	p, err := threaded()
	if err != nil {
		return err
	}
	defer p.Kill()
	return s.spares(p, pidfile, "the process of the thread was killed")
}

func threadStatus(s *scene) error {
	p, err := threaded()
	if err != nil {
		return err
	}
	defer p.Kill()
	if r := s.do(s.tool.alive(pidfile)); r.status == 0 {
		return errors.New("a thread is taken for a process")
	}
	return nil
}

func zombie(s *scene, argv func(string) []string, want func(int) bool) error {
	parent, err := actor(lab.Parent)
	if err != nil {
		return err
	}
	defer parent.Kill()
	if err := os.WriteFile(pidfile, fmt.Appendln(nil, parent.Number), 0o644); err != nil {
		return err
	}
	begin := time.Now()
	r := s.do(argv(pidfile))
	if took := time.Since(begin); took > 1500*time.Millisecond || !want(r.status) {
		return fmt.Errorf("status %d after %v", r.status, took.Round(time.Millisecond))
	}
	return nil
}

func zombieStop(s *scene) error {
	return zombie(s, s.tool.stop, func(status int) bool { return status == 0 })
}
func zombieStatus(s *scene) error {
	return zombie(s, s.tool.alive, func(status int) bool { return status > 0 })
}

// hidden is otherUser where /proc does not show other users' processes.
func hidden(s *scene) error {
	if err := syscall.Mount("proc", "/proc", "proc", syscall.MS_REMOUNT, "hidepid=2"); err != nil {
		return err
	}
	return otherUser(s)
}

func otherUser(s *scene) error {
	p, err := actor(lab.Plain)
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := s.claimed(pidfile, p.PID); err != nil {
		return err
	}
	r := s.do(s.tool.alive(pidfile), func(c *exec.Cmd) {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	})
	if r.status != 0 {
		return fmt.Errorf("a running process is called dead: %v", r)
	}
	return nil
}

func stubborn(s *scene) error {
	p, err := actor(lab.Resistant)
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := s.claimed(pidfile, p.PID); err != nil {
		return err
	}
	r := s.do(s.tool.stop(pidfile))
	if alive := lab.Running(p.PID); alive && r.status == 0 {
		return errors.New("status 0, and it runs on")
	}
	return nil
}

func earlierBoot(s *scene) error {
	p, err := actor(lab.Plain)
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := os.WriteFile(pidfile, fmt.Appendln(nil, p.PID), 0o644); err != nil {
		return err
	}
	then := time.Unix(1e9, 0)
	if err := os.Chtimes(pidfile, then, then); err != nil {
		return err
	}
	return s.spares(p, pidfile, "a process of this boot was killed for one of an earlier boot")
}

func otherNamespace(s *scene) error {
	p, err := actor(lab.Plain)
	if err != nil {
		return err
	}
	defer p.Kill()
	_, end, err := s.namespace(p.PID, ":")
	if err != nil {
		return err
	}
	defer end()
	return s.spares(p, pidfile, "the process of the same number here was killed")
}

// namespace is another one, whose init is told: there a process of that number claims the pidfile, and lives on. A
// command comes first.
func (s *scene) namespace(pid int, first string) (leader int, end func(), err error) {
	there := strconv.Itoa(pid)
	claim := fmt.Sprintf("echo %s >%s", there, pidfile)
	if s.tool.ours() {
		claim = strings.Join(s.tool.notes(pidfile, pid), " ")
	}
	other := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-euc",
		fmt.Sprintf(`%s; echo $((%s - 1)) >/proc/sys/kernel/ns_last_pid; tail -f /dev/null & [ $! = %s ]; %s; echo ready; wait`, first, there, there, claim))
	out, err := other.StdoutPipe()
	if err == nil {
		err = other.Start()
	}
	if err != nil {
		return 0, nil, err
	}
	end = func() { other.Process.Kill(); other.Wait() }
	if n, err := out.Read(make([]byte, 16)); n == 0 {
		end()
		return 0, nil, fmt.Errorf("the other namespace: %w", err)
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", other.Process.Pid, other.Process.Pid))
	if leader = number(text); leader == 0 {
		end()
		return 0, nil, fmt.Errorf("the other namespace has no init: %w", err)
	}
	return leader, end, nil
}
