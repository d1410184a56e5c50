package proc

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"pidbox/lib/proc/procfs"
)

// wrap names the family.
func (f *Family) wrap(err error) error { return fmt.Errorf("%s %d: %w", f.scope, f.leader.pid, err) }

// look brings known up to date with /proc. A want of descriptors is an error, and so is a family that was closed.
func (f *Family) look() error {
	if err := f.usable(); err != nil {
		return err
	}
	if f.searches == 0 {
		var err error
		if f.room, err = room(); err != nil {
			return f.wrap(err)
		}
	}
	f.searches++
	for pid, m := range f.known {
		if m.reaped() {
			f.drop(pid)
		}
	}
	f.unproven = nil
	seen, err := f.scan()
	if err != nil {
		return f.wrap(err)
	}
	for more := true; more; { // a tree is found generation by generation
		more = false
		for _, st := range seen {
			if f.known[st.PID] != nil || !f.claims(st) {
				continue
			}
			found, err := f.adopt(st.PID)
			if err != nil {
				return f.wrap(err)
			}
			more = more || found
		}
	}
	if f.scope == Tree {
		f.remember(seen)
	}
	return nil
}

// processes are all that /proc shows, less the caller, its guards, the members that are known, and those that are seen to
// be none by less than a look into /proc. The leader's number may be another's by now, whose group or session is then not
// ours.
func (f *Family) processes() (seen []procfs.Stat, err error) {
	pids, err := procfs.Numbers()
	if f.brief {
		pids = f.changed(pids)
	}
	self := os.Getpid()
	for _, pid := range pids {
		if pid == self || pid == f.leader.pid || f.known[pid] != nil || f.guards.is(pid) || f.elsewhere(pid) {
			continue
		}
		st, err := procfs.StatOf(pid)
		switch {
		case err == nil:
			seen = append(seen, st)
		case exhausted(err):
			return nil, err
		}
	}
	return seen, err
}

// claims says that st is in scope, if the numbers in it still mean the processes they meant.
func (f *Family) claims(st procfs.Stat) bool {
	if f.scope == Tree {
		child := st.Parent == f.leader.pid && (f.others == nil || !f.others(st.PID, st.Session))
		return child || f.known[st.Parent] != nil
	}
	return f.scope.number(st) == f.leader.pid
}

// adopt makes a proven member of the process with that number.
func (f *Family) adopt(pid int) (bool, error) {
	h, err := Open(pid)
	if exhausted(err) {
		return false, err
	}
	if err != nil {
		return false, nil
	}
	st, err := h.link.stat()
	if exhausted(err) {
		h.Close()
		return false, err
	}
	alive, _ := h.Alive() // if in doubt, unproven
	switch {
	case err != nil || !f.claims(st):
	case f.proves(st):
		return true, f.take(h)
	case alive && !f.reused() && !slices.Contains(f.unproven, pid):
		f.unproven = append(f.unproven, pid)
	}
	h.Close()
	return false, nil
}

// take keeps a handle, if there is room for it, or only what tells the process from others.
func (f *Family) take(h *Handle) error {
	id, err := h.distinct()
	if err != nil {
		h.Close()
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	}
	m := &member{id: id}
	if f.held() < f.room {
		m.handle = h
	} else {
		h.Close()
	}
	f.known[id.PID] = m
	return nil
}

// held counts the handles, after those of members that have ended were given up if they take all the room.
func (f *Family) held() int {
	n := 0
	for _, m := range f.known {
		if m.handle != nil {
			n++
		}
	}
	if n < f.room {
		return n
	}
	for _, m := range f.known {
		if m.handle == nil {
			continue
		}
		if alive, err := m.handle.Alive(); err == nil && !alive {
			m.handle.Close()
			m.handle = nil
			n--
		}
	}
	return n
}

// proves says that the group, session or parent that st, read before, shows is ours.
func (f *Family) proves(st procfs.Stat) bool {
	if f.scope == Tree {
		if st.Parent == f.leader.pid {
			held, err := f.leader.link.held()
			return err == nil && held
		}
		held := false
		err := f.known[st.Parent].do(func(h *Handle) (err error) {
			held, err = h.link.held()
			return err
		})
		return err == nil && held
	}
	if f.leader.link.kept() || f.vouch != nil && f.vouch(st) {
		return true
	}
	for _, m := range f.known {
		if st, err := m.stat(); err == nil && f.claims(st) {
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

func (f *Family) doubt() error {
	if len(f.unproven) == 0 {
		return nil
	}
	return &DoubtError{f.leader.pid, f.scope, slices.Clone(f.unproven)}
}
