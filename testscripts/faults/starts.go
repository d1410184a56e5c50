//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"pidbox/testscripts/lab"
)

func execFails(s *scene, command string) error {
	if err := directory(); err != nil {
		return err
	}
	r := s.do(s.tool.start(pidfile, []string{command, "m"}))
	if r.status == 0 {
		return errors.New("status 0")
	}
	return missing(pidfile)
}

func complete(s *scene) error {
	if err := directory(); err != nil {
		return err
	}
	for round := range 50 {
		r := s.do(s.tool.start(pidfile, sleeper("m")))
		text, err := os.ReadFile(pidfile)
		daemons := settled("m")
		good := len(daemons) == 1 && s.names(number(text), daemons[0])
		killAll(daemons)
		if r.status != 0 || err != nil || !good {
			return fmt.Errorf("round %d: status %d, daemons %v, and the pidfile held %q", round, r.status, daemons, text)
		}
		os.Remove(pidfile)
	}
	return nil
}

// cycle starts, asks and stops under a hostile environment.
func cycle(s *scene, hostile func(*exec.Cmd)) error {
	if err := directory(); err != nil {
		return err
	}
	r := s.do(s.tool.start(pidfile, sleeper("m")), hostile)
	daemons := settled("m")
	defer func() { killAll(settled("m")) }()
	pid, err := namedBy(pidfile)
	if r.status != 0 || err != nil || len(daemons) != 1 || !s.names(pid, daemons[0]) {
		return fmt.Errorf("start: status %d, daemons %v, %v: %s", r.status, daemons, err, r.text)
	}
	if s.tool.alive != nil {
		if r := s.do(s.tool.alive(pidfile), hostile); r.status != 0 {
			return fmt.Errorf("status: %v", r)
		}
	}
	if s.tool.stop != nil {
		if r := s.do(s.tool.stop(pidfile), hostile); r.status != 0 {
			return fmt.Errorf("stop: %v", r)
		}
		for deadline := time.Now().Add(5 * time.Second); lab.Running(pid); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				return errors.New("stop: it runs on")
			}
		}
	}
	return nil
}

// fewProcesses: whatever the limit, status 0 means that the daemon runs, another that none does.
func fewProcesses(s *scene) error {
	const user = 64917 // who has no other processes
	if err := errors.Join(directory(), os.Chown("/run/x", user, user)); err != nil {
		return err
	}
	for most := 1; most <= 12; most++ {
		r := s.do(s.tool.start(pidfile, sleeper("m")), func(c *exec.Cmd) {
			path := c.Path
			c.Args = append([]string{"setpriv", "--reuid", fmt.Sprint(user), "--regid", fmt.Sprint(user), "--clear-groups",
				"prlimit", "--nproc=" + strconv.Itoa(most), "--", path}, c.Args[1:]...)
			c.Path, _ = lab.LookPath("setpriv")
		})
		daemons := settled("m")
		text, _ := os.ReadFile(pidfile)
		pid := number(text)
		good := len(daemons) == 1 && s.names(pid, daemons[0])
		killAll(daemons)
		os.Remove(pidfile)
		if r.status == 0 && !good || r.status != 0 && (len(daemons) > 0 || len(text) > 0) {
			return fmt.Errorf("at most %d: status %d, daemons %v, and the pidfile held %q", most, r.status, daemons, text)
		}
	}
	return nil
}

func umaskZero(s *scene) error {
	if err := directory(); err != nil {
		return err
	}
	r := s.do(s.tool.start(pidfile, sleeper("m")), under("umask 0"))
	defer killAll(settled("m"))
	info, err := os.Stat(pidfile)
	if err != nil || r.status != 0 {
		return fmt.Errorf("status %d, %v", r.status, err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("the pidfile has mode %v", info.Mode())
	}
	return nil
}
