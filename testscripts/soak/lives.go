//go:build linux

package main

import (
	"net"
	"os/exec"
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
		{"keep-alive", s.keepAlive}, {"wait-healthy", s.waitHealthy},
	}
	l := lives[s.rand.IntN(len(lives))]
	l.run()
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

// claimant is a claim that execs the owner when it wins.
type claimant struct {
	cmd   *exec.Cmd
	ended <-chan result
}

func (s *service) claimant() claimant {
	cmd, ended := s.begin(append([]string{"pid-claim", "-p", s.file, "--"}, s.owner()...)...)
	return claimant{cmd, ended}
}

// left are those of the claims that have not ended; those that have were refused, or killed as owners.
func (s *service) left(claims []claimant, killed bool) []claimant {
	return slices.DeleteFunc(claims, func(c claimant) bool {
		select {
		case r := <-c.ended:
			if r.status != 1 && r.status != 75 && !(killed && r.status == -1) {
				s.violation("%v: wanted 1", r)
			}
			return true
		default:
			return false
		}
	})
}

// claims lets several commands claim at once: one of them runs.
func (s *service) claims() {
	const n = 6
	var claims []claimant
	for range n {
		claims = append(claims, s.claimant())
	}
	s.eventually("one of the claims is left", func() bool {
		claims = s.left(claims, false)
		return len(claims) <= 1
	})
	if len(claims) != 1 || claims[0].cmd == nil {
		s.violation("%s: of %d claims %d are left", s.dir, n, len(claims))
		return
	}
	pid := claims[0].cmd.Process.Pid
	s.eventually("the winner runs", func() bool { return s.owns(pid) })
	s.names(pid)
	s.finish(pid, func() {})
	<-claims[0].ended
}

// turmoil claims and kills at once; that there are never two owners is seen by the owners themselves.
func (s *service) turmoil() {
	var kills []<-chan result
	var claims []claimant
	for range 10 {
		if s.rand.IntN(2) == 0 {
			claims = append(claims, s.claimant())
		} else {
			_, ended := s.begin("pid-kill", "-p", s.file)
			kills = append(kills, ended)
		}
	}
	for _, ended := range kills {
		if r := <-ended; r.status != 0 && r.status != 75 {
			s.violation("%v: wanted 0", r)
		}
	}
	s.eventually("each claim has failed, or is the owner", func() bool {
		claims = s.left(claims, true)
		return len(claims) == 0 || len(claims) == 1 && s.owns(claims[0].cmd.Process.Pid)
	})
	if owners := s.owners(); len(owners) > 1 || len(owners) == 1 && !s.names(owners[0]) {
		s.violation("%s: owners %v", s.dir, owners)
	}
	s.want(0, "pid-kill", "-p", s.file)
	if owners := s.owners(); len(owners) > 0 {
		s.violation("%s: owners %v after pid-kill", s.dir, owners)
	}
	s.missing(s.file)
	for _, c := range claims {
		<-c.ended
	}
}

func (s *service) start() []string {
	return append([]string{"daemonize", "-p", s.file}, s.owner()...)
}

// only is the one owner that there must be, and that the pidfile must name.
func (s *service) only() (int, bool) {
	owners := s.owners()
	if len(owners) != 1 {
		s.violation("%s: %d owners: %v", s.dir, len(owners), owners)
		return 0, false
	}
	return owners[0], s.names(owners[0])
}

func (s *service) daemonize() {
	if !s.want(0, s.start()...) {
		return
	}
	pid, ok := s.only()
	if !ok {
		return
	}
	s.want(1, s.start()...)
	s.want(0, "pid-alive", "-p", s.file)
	s.finish(pid, func() {})
}

func (s *service) daemonizes() {
	var all []<-chan result
	for range 5 {
		_, ended := s.begin(s.start()...)
		all = append(all, ended)
	}
	started := 0
	for _, ended := range all {
		switch r := <-ended; r.status {
		case 0:
			started++
		case 1, 75:
		default:
			s.violation("%v: wanted 0 or 1", r)
		}
	}
	if started != 1 {
		s.violation("%s: %d of the starts succeeded", s.dir, started)
	}
	if pid, ok := s.only(); ok {
		s.finish(pid, func() {})
	}
}

// daemonizeKilled: whatever the moment, a daemon has a pidfile, and the pidfile of a process that runs is a daemon's.
func (s *service) daemonizeKilled() {
	cmd, ended := s.begin(s.start()...)
	time.Sleep(s.shortly(10 * time.Millisecond))
	if cmd != nil {
		_ = cmd.Process.Kill()
	}
	<-ended
	running := 0
	s.eventually("a daemon with a pidfile, or neither", func() bool {
		owners, pid := s.owners(), named(s.file)
		running = len(owners)
		return running == 0 && !lab.Running(pid) || running == 1 && owners[0] == pid
	})
	s.want(min(running, 1), s.start()...)
	if pid, ok := s.only(); ok {
		s.finish(pid, func() {})
	}
}

func (s *service) keepAlive() {
	argv := append([]string{"keep-alive", "-p", s.file, "--free-restarts", "100000", "--"}, s.owner()...)
	child := s.dir + "/x.child.pid"
	runs := func() (pid int) { // one that has ended is no owner; the next may have its number, for numbers are forced here
		s.eventually("a child of keep-alive", func() bool {
			pid = named(child)
			return pid != 0 && s.owns(pid)
		})
		return pid
	}
	cmd, ended := s.begin(argv...)
	if cmd == nil {
		return
	}
	pid := runs()
	for range s.rand.IntN(4) {
		if err := lab.End(pid); err != nil {
			s.violation("%v", err)
		}
		pid = runs()
		s.count("keep-alive, restart")
	}
	s.names(cmd.Process.Pid)
	s.want(1, argv...)
	if s.rand.IntN(2) == 0 {
		_ = cmd.Process.Kill()
		<-ended
		if cmd, ended = s.begin(argv...); cmd == nil {
			return
		}
		s.eventually("the next keep-alive has the pidfile", func() bool { // and not its predecessor of the same, forced number
			return named(s.file) == cmd.Process.Pid && s.tool("pid-alive", "-q", "-p", s.file).status == 0
		})
		if now := runs(); now != pid {
			s.violation("%s: the child %d was not adopted, %d runs", s.dir, pid, now)
		}
		s.count("keep-alive, adoption")
	}
	s.want(0, "pid-kill", "-p", s.file)
	if r := <-ended; r.status != 0 {
		s.violation("%v: wanted 0", r)
	}
	if left := s.owners(); len(left) > 0 {
		s.violation("%s: keep-alive left %v", s.dir, left)
	}
	s.missing(s.file)
	s.missing(child)
}

func (s *service) waitHealthy() {
	p := s.claimed()
	if p == nil {
		return
	}
	defer p.end()
	if s.rand.IntN(2) == 0 { // its death is noticed, whenever it comes
		_, ended := s.begin("wait-healthy", "--timeout", "1h", "-p", s.file, "--url", "tcp://127.0.0.1:1")
		time.Sleep(s.shortly(20 * time.Millisecond))
		p.end()
		if r := <-ended; r.status != 3 {
			s.violation("%v: wanted 3", r)
		}
		s.want(0, "pid-kill", "-p", s.file)
		return
	}
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.violation("%v", err)
		return
	}
	s.want(0, "wait-healthy", "--timeout", "1h", "-p", s.file, "--url", "tcp://"+server.Addr().String())
	server.Close()
	s.want(124, "wait-healthy", "--timeout", "0.02", "-p", s.file, "--url", "tcp://127.0.0.1:1")
	s.finish(p.PID, p.giveUp)
}
