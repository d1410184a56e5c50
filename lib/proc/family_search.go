package proc

import (
	"errors"
	"fmt"
	"os"
	"slices"
)

// look brings known up to date with /proc.
func (f *Family) look() error {
	for pid, h := range f.known {
		if st, err := h.link.stat(); errors.Is(err, ErrNotFound) || err == nil && f.scope != Tree && !f.claims(st) {
			f.drop(pid)
		}
	}
	f.unproven = nil
	pids, err := numbers()
	if err != nil {
		return fmt.Errorf("%s %d: %w", f.scope, f.leader.pid, err)
	}
	self := os.Getpid()
	var seen []stat
	for _, pid := range pids {
		// The leader's number may be another's by now, whose group or session is then not ours.
		if st, err := statOf(pid); err == nil && pid != self && pid != f.leader.pid {
			seen = append(seen, st)
		}
	}
	for more := true; more; { // a tree is found generation by generation
		more = false
		for _, st := range seen {
			if f.known[st.pid] == nil && f.claims(st) && f.adopt(st.pid) {
				more = true
			}
		}
	}
	return nil
}

// claims says that st is in scope, if the numbers in it still mean the processes they meant.
func (f *Family) claims(st stat) bool {
	if f.scope == Tree {
		child := st.parent == f.leader.pid && (f.others == nil || !f.others(st.pid, st.session))
		return child || f.known[st.parent] != nil
	}
	return f.scope.number(st) == f.leader.pid
}

// adopt makes a proven member of the process with that number.
func (f *Family) adopt(pid int) bool {
	h, err := Open(pid)
	if err != nil {
		return false
	}
	st, err := h.link.stat()
	alive, _ := h.Alive() // if in doubt, unproven
	switch {
	case err != nil || !f.claims(st):
	case f.proves(st):
		f.known[pid] = h
		return true
	case alive && !f.reused() && !slices.Contains(f.unproven, pid):
		f.unproven = append(f.unproven, pid)
	}
	h.Close()
	return false
}

// proves says that the group, session or parent that st, read before, shows is ours.
func (f *Family) proves(st stat) bool {
	if f.scope == Tree {
		parent := f.known[st.parent]
		if st.parent == f.leader.pid {
			parent = f.leader
		}
		held, err := parent.link.held()
		return err == nil && held
	}
	if f.leader.link.kept() || f.vouch != nil && f.vouch(st) {
		return true
	}
	for _, h := range f.known {
		if st, err := h.link.stat(); err == nil && f.claims(st) {
			return true
		}
	}
	return false
}

// reused says that the leader's number is another process's, so that the group or session was given up by ours.
func (f *Family) reused() bool {
	h, err := Open(f.leader.pid)
	if err != nil {
		return false
	}
	h.Close()
	held, err := f.leader.link.held()
	return err == nil && !held
}
