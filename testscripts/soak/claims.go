//go:build linux

package main

import (
	"os/exec"
	"slices"
)

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
