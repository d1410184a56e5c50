//go:build linux

package main

import (
	"slices"
	"strconv"
	"time"

	"pidbox/testscripts/lab"
)

// life runs one random life.
func (s *service) life() {
	lives := []struct {
		name string
		run  func()
	}{
		{"claim", s.claim}, {"claims at once", s.claims}, {"claims and kills at once", s.turmoil},
		{"daemonize", s.daemonize}, {"daemonize at once", s.daemonizes}, {"daemonize, killed", s.daemonizeKilled},
		{"keep-alive", s.keepAlive}, {"wait-healthy", s.waitHealthy}, {"group, session or tree", s.group},
		{"strangers' locks", s.strangersLocks}, {"a user's directory", s.usersDirectory}, {"binding", s.binding},
		{"lock file", s.lockFile},
	}
	l := lives[s.rand.IntN(len(lives))]
	began := time.Now()
	l.run()
	s.clean(began)
	s.count(l.name)
}

func (s *service) shortly(most time.Duration) time.Duration {
	return time.Duration(s.rand.Int64N(int64(most)))
}

// claimed is a process of which the pidfile was claimed.
func (s *service) claimed() *guarded {
	p, err := s.bystander()
	if err != nil {
		s.violation("%v", err)
		return nil
	}
	if !s.want(0, "pid-claim", "--pid", strconv.Itoa(p.PID), "-p", s.file) || !s.names(p.PID) {
		p.end()
		return nil
	}
	return p
}

func (s *service) claim() {
	p := s.claimed()
	if p == nil {
		return
	}
	defer p.end()
	other, err := s.bystander()
	if err != nil {
		s.violation("%v", err)
		return
	}
	defer other.end()
	s.want(1, "pid-claim", "--pid", strconv.Itoa(other.PID), "-p", s.file)
	s.want(0, "pid-claim", "--pid", strconv.Itoa(p.PID), "-p", s.file)
	s.want(0, "pid-alive", "-p", s.file)
	s.names(p.PID)
	if s.rand.IntN(3) == 0 {
		s.succeeded(p, other)
		return
	}
	s.finish(p.PID, p.giveUp)
}

// succeeded has other wait for the pidfile while p is stopped: it gets it, and is not touched.
func (s *service) succeeded(p, other *guarded) {
	p.giveUp()
	_, claim := s.begin("pid-claim", "--wait", "1h", "--pid", strconv.Itoa(other.PID), "-p", s.file)
	s.want(0, "pid-kill", "-p", s.file)
	if r := <-claim; r.status != 0 && r.status != 75 {
		s.violation("%v: wanted 0", r)
	} else if r.status == 0 {
		s.names(other.PID)
		s.finish(other.PID, other.giveUp)
	}
	s.count("succession")
}

// finish ends the owner in one way or another, and then nothing is left of it.
func (s *service) finish(pid int, giveUp func()) {
	p, err := lab.Hold(pid)
	if err != nil {
		s.violation("%s: the owner %d: %v", s.dir, pid, err)
		return
	}
	defer p.Close()
	giveUp()
	switch s.rand.IntN(5) {
	case 0:
		s.want(0, "pid-kill", "-p", s.file)
	case 1: // the process dies by itself
		s.kill(p)
		s.want(1, "pid-alive", "-p", s.file)
		s.want(0, "pid-kill", "-p", s.file)
	case 2: // and a stranger gets its number
		s.kill(p)
		s.eventually("the dead is reaped", func() bool { return lab.State(pid) == 0 })
		s.stranger(pid)
	case 3: // pid-kill dies at any moment
		cmd, ended := s.begin("pid-kill", "-p", s.file)
		time.Sleep(s.shortly(5 * time.Millisecond))
		if cmd != nil {
			_ = cmd.Process.Kill()
		}
		s.killed()
		<-ended
		s.want(0, "pid-kill", "-p", s.file)
		s.count("pid-kill, killed")
	case 4:
		_, first := s.begin("pid-kill", "-p", s.file)
		s.want(0, "pid-kill", "-p", s.file)
		if r := <-first; r.status != 0 && r.status != 75 {
			s.violation("%v: wanted 0", r)
		}
	}
	if !p.Ended() {
		s.violation("%s: pid-kill said 0, and process %d runs", s.dir, pid)
	}
	s.missing(s.file)
}

func (s *service) owns(pid int) bool { return slices.Contains(s.owners(), pid) }

func (s *service) kill(p lab.Pin) {
	if err := p.Kill(); err != nil {
		s.violation("%v", err)
	}
}

func (s *service) stranger(pid int) {
	s.reuse.Lock()
	p, err := lab.FixtureAs(pid, lab.Plain)
	s.reuse.Unlock()
	if err != nil { // the others start processes all the time
		s.want(0, "pid-kill", "-p", s.file)
		s.count("number not to be had")
		return
	}
	stranger := s.guard(p)
	s.want(1, "pid-alive", "-p", s.file)
	s.want(0, "pid-kill", "-p", s.file)
	if !stranger.Running() {
		s.violation("%s: the stranger %d was ended", s.dir, pid)
	}
	stranger.end()
	s.count("number of a stranger")
}
