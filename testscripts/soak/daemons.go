//go:build linux

package main

import (
	"net"
	"os/exec"
	"syscall"
	"time"

	"pidbox/testscripts/lab"
)

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
	s.killed()
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
	argv := append([]string{"keep-alive", "-p", s.file, "--free-restarts", "100000", "--leave-on", "USR2", "--"}, s.owner()...)
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
	serves := func() bool { // and not its predecessor of the same, forced number
		return s.eventually("keep-alive has the pidfile", func() bool {
			return named(s.file) == cmd.Process.Pid && s.tool("pid-alive", "-q", "-p", s.file).status == 0
		})
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
	if how := s.rand.IntN(4); how < 2 {
		if how == 0 {
			_ = cmd.Process.Kill()
			s.killed()
			<-ended
		} else {
			_ = cmd.Process.Signal(syscall.SIGUSR2)
			if r := <-ended; r.status != 0 {
				s.violation("%v: wanted 0 from a leave", r)
			}
			s.count("keep-alive, leave")
		}
		if cmd, ended = s.begin(argv...); cmd == nil {
			return
		}
		serves()
		if now := runs(); now != pid {
			s.violation("%s: the child %d was not adopted, %d runs", s.dir, pid, now)
		}
		s.count("keep-alive, adoption")
	} else if how == 2 {
		s.want(0, "keep-alive", "-q", "--restart", "-p", s.file)
		runs()
		s.count("keep-alive, restart on request")
	}
	s.keepAliveEnds(cmd, ended)
	if left := s.owners(); len(left) > 0 {
		s.violation("%s: keep-alive left %v", s.dir, left)
	}
	s.missing(s.file)
	s.missing(child)
}

// keepAliveEnds stops it in one way or another.
func (s *service) keepAliveEnds(cmd *exec.Cmd, ended <-chan result) {
	switch s.rand.IntN(3) {
	case 0:
		s.want(0, "pid-kill", "-p", s.file)
	case 1:
		s.want(0, "keep-alive", "--stop", "-p", s.file)
		s.count("keep-alive, --stop")
	case 2: // which finds what a killed one left
		_ = cmd.Process.Kill()
		s.killed()
		<-ended
		s.want(0, "keep-alive", "--stop", "-p", s.file)
		s.count("keep-alive, killed and --stop")
		return
	}
	if r := <-ended; r.status != 0 {
		s.violation("%v: wanted 0", r)
	}
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
	s.want(0, "wait-healthy", "--timeout", "1h", "-p", s.file, "--ready-shared", "--url", "tcp://"+server.Addr().String())
	server.Close()
	s.want(124, "wait-healthy", "--timeout", "0.02", "-p", s.file, "--url", "tcp://127.0.0.1:1")
	s.finish(p.PID, p.giveUp)
}
