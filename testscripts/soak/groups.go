//go:build linux

package main

import (
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"

	"pidbox/testscripts/lab"
)

const sleeper = "/usr/bin/tail"

// members are those of this service's group that run, the leader too.
func (s *service) members() []int {
	return lab.Processes(func(argv []string) bool { return argv[0] == sleeper && slices.Contains(argv, s.dir) })
}

// group: a leader and its members, one of which ignores TERM, all end, whoever of them has ended before, and whenever pid-kill
// is killed; and nobody else.
func (s *service) group() {
	const all = 4
	scope := []string{"--group", "--session", "--tree"}[s.rand.IntN(3)]
	member := fmt.Sprintf("%s -f /dev/null %s", sleeper, s.dir)
	script := fmt.Sprintf(`echo $$; exec >/dev/null; %[1]s & %[1]s & (trap "" TERM; exec %[1]s) & exec %[1]s`, member)
	leader, err := lab.Fixture(lab.Plain, func(c *exec.Cmd) {
		c.Path, c.Args = "/bin/sh", []string{"sh", "-c", script}
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	})
	if err != nil {
		s.violation("%v", err)
		return
	}
	defer leader.Kill()
	s.eventually("the group is up", func() bool { return len(s.members()) == all })
	if !s.want(0, "pid-claim", "--pid", strconv.Itoa(leader.PID), "-p", s.file) {
		return
	}
	kill := []string{"pid-kill", scope, "--retry", "TERM/0.02/KILL/60", "-p", s.file}
	switch s.rand.IntN(3) {
	case 0: // the leader dies by itself: a tree is not to be found without it
		if scope != "--tree" {
			leader.Kill()
		}
	case 1: // pid-kill dies at any moment
		if scope == "--tree" {
			break // its leader may have ended
		}
		cmd, ended := s.begin(kill...)
		time.Sleep(s.shortly(20 * time.Millisecond))
		if cmd != nil {
			_ = cmd.Process.Kill()
		}
		s.killed()
		<-ended
		s.count("pid-kill of a group, killed")
	}
	s.want(0, kill...)
	if left := s.members(); len(left) > 0 {
		s.violation("%s: pid-kill %s said 0, and %v run", s.dir, scope, left)
	}
	s.missing(s.file)
}
