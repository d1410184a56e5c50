//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"time"

	"pidbox/testscripts/lab"
)

// stormOfStarts comes several times, since chance may be kind once.
func stormOfStarts(s *scene) error {
	for round := range 5 {
		if err := s.starts(); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
	}
	return nil
}

func (s *scene) starts() error {
	if err := directory(); err != nil {
		return err
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { s.do(s.tool.start(pidfile, sleeper("m"))) })
	}
	all.Wait()
	daemons := settled("m")
	pid, err := namedBy(pidfile)
	defer func() {
		killAll(daemons)
		gone(pid) // a parent of the daemon, which removes its pidfile
		os.Remove(pidfile)
	}()
	if err != nil {
		return err
	}
	if len(daemons) != 1 || !s.names(pid, daemons[0]) {
		return fmt.Errorf("%d daemons, and the pidfile names %d", len(daemons), pid)
	}
	return nil
}

func stormOfClaims(s *scene) error {
	if err := directory(); err != nil {
		return err
	}
	var all sync.WaitGroup
	won := make(chan int, 50)
	for range cap(won) {
		claimant := exec.Command(sleeperPath, "-f", os.DevNull)
		if err := claimant.Start(); err != nil {
			return err
		}
		all.Go(func() {
			if s.do(s.tool.claim(pidfile, claimant.Process.Pid)).status == 0 {
				won <- claimant.Process.Pid
			}
		})
	}
	all.Wait()
	pid, err := namedBy(pidfile)
	if err != nil {
		return err
	}
	if winner := <-won; len(won) > 0 || winner != pid {
		return fmt.Errorf("%d claims succeeded, and the pidfile names %d", len(won)+1, pid)
	}
	return nil
}

// claimedAnew: the process that is being stopped hands its pidfile to a successor, which must keep it.
func claimedAnew(s *scene) error {
	for round := range 40 {
		if err := directory(); err != nil {
			return err
		}
		first, err := lab.Fixture(lab.Plain)
		if err != nil {
			return err
		}
		next, err := lab.Fixture(lab.Plain)
		if err != nil {
			return err
		}
		if err := s.claimed(pidfile, first.PID); err != nil {
			return err
		}
		done := make(chan result, 1)
		go func() { done <- s.do(s.tool.stop(pidfile)) }()
		select {
		case <-first.Gone():
		case <-time.After(limit):
		}
		// As a start script would, at once: with the tool's own claim.
		r := s.do(s.tool.claim(pidfile, next.PID))
		<-done
		text, _ := os.ReadFile(pidfile)
		alive := lab.Running(next.PID)
		first.Kill()
		next.Kill()
		if !alive {
			return fmt.Errorf("round %d: the successor was killed", round)
		}
		if want := fmt.Sprintln(next.PID); r.status == 0 && string(text) != want {
			return fmt.Errorf("round %d: the successor's pidfile holds %q", round, text)
		}
		os.Remove(pidfile)
	}
	return nil
}

// killedStart: whatever the moment of the kill, a daemon has a pidfile that names it, and a pidfile's process is the daemon.
func killedStart(s *scene) error {
	if err := directory(); err != nil {
		return err
	}
	for round := range 100 {
		argv := s.tool.start(pidfile, sleeper("m"))
		cmd := exec.Command(argv[0], argv[1:]...)
		if err := cmd.Start(); err != nil {
			return err
		}
		time.Sleep(rand.N(4 * time.Millisecond)) // the fault's moment
		cmd.Process.Kill()
		cmd.Wait()
		daemons := settled("m")
		text, _ := os.ReadFile(pidfile)
		pid := number(text)
		if len(daemons) > 1 || len(daemons) == 1 && !s.names(pid, daemons[0]) {
			killAll(daemons)
			return fmt.Errorf("round %d: daemons %v, and the pidfile holds %q", round, daemons, text)
		}
		if len(daemons) == 0 && pid > 0 && lab.Running(pid) {
			return fmt.Errorf("round %d: the pidfile names %d, which is not the daemon", round, pid)
		}
		killAll(daemons)
	}
	return nil
}
