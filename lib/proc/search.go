package proc

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"

	"pidbox/lib/proc/procfs"
)

// Pattern is what a search looks for: a process that meets all of it. What cannot be read of a process does not fit, and where
// nothing is asked for none does.
type Pattern struct {
	Conditions
	Parent int    // 0: any
	Zero   string // its argument zero; "": any
	Rest   string // what its further arguments begin with, each with a NUL behind it: see proc_pid_cmdline(5)
	Except int    // a process that is never meant
}

func (p Pattern) empty() bool { p.Except = 0; return p == Pattern{} }

// Fits reports whether the process is one that the pattern means, alive.
func (p Pattern) Fits(h *Handle) (bool, error) {
	alive, err := h.Alive()
	if err != nil || !alive {
		return false, err
	}
	if p.Parent != 0 {
		if st, err := h.link.stat(); err != nil || st.Parent != p.Parent {
			return false, ignoreGone(err)
		}
	}
	if ok, _, err := h.Meets(p.Conditions); err != nil || !ok {
		return false, ignoreGone(err)
	}
	if p.Zero == "" && p.Rest == "" {
		return true, nil
	}
	line := procfs.Arguments(h.PID(), len(p.Zero)+len(p.Rest))
	if alive, err := h.Alive(); err != nil || !alive { // the number was not its own any more, maybe
		return false, err
	}
	zero, rest, _ := strings.Cut(line, "\x00")
	return (p.Zero == "" || zero == p.Zero) && strings.HasPrefix(rest, p.Rest), nil
}

// ignoreGone makes a process that has gone, or that is not to be read, one that does not fit.
func ignoreGone(err error) error {
	var unreadable *UnreadableError
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrNoProc) || errors.As(err, &unreadable) {
		return nil
	}
	return err
}

// Matches is all processes that a pattern fits, for as long as they live: also those that come to fit later. It is a
// stop.Target. A number found in /proc counts only once the process was opened and was seen to fit after that. The
// caller never fits.
type Matches struct {
	search func() ([]*Handle, error)
	known  map[int]*Handle
	fresh  bool // nothing was done since the last search
	sent   []int
	denied map[int]error
}

// Search finds the processes that the pattern fits now.
func Search(p Pattern) (*Matches, error) {
	m := &Matches{search: p.search, known: map[int]*Handle{}}
	if err := m.look(); err != nil {
		m.Close()
		return nil, err
	}
	m.fresh = true
	return m, nil
}

// Only is one process as Matches, which takes the handle over; nil for none.
func Only(h *Handle) *Matches {
	m := &Matches{search: func() ([]*Handle, error) { return nil, nil }, known: map[int]*Handle{}}
	if h != nil {
		m.known[h.PID()] = h
	}
	return m
}

// Families are the processes found, each with all of its scope.
func (m *Matches) Families(scope Scope, allow Allow) (all []*Family, err error) {
	for _, pid := range m.PIDs() {
		f, err := m.known[pid].Family(scope, allow)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return all, err
		}
		if err == nil {
			all = append(all, f)
		}
	}
	return all, nil
}

// PIDs lists those that live, ascending.
func (m *Matches) PIDs() []int {
	var all []int
	for pid, h := range m.known {
		if alive, err := h.Alive(); err != nil || alive {
			all = append(all, pid)
		}
	}
	slices.Sort(all)
	return all
}

// Sent lists those to which the last signal went, ascending.
func (m *Matches) Sent() []int { return m.sent }

// Denied is why the last signal could not be sent to others.
func (m *Matches) Denied() map[int]error { return m.denied }

// Close lets go of all.
func (m *Matches) Close() error {
	for _, h := range m.known {
		h.Close()
	}
	return nil
}

// Signal looks again and sends s to each. ErrNotFound says that there was none; if none took it, the error is the first
// one's.
func (m *Matches) Signal(s syscall.Signal) error {
	if !m.fresh {
		if err := m.look(); err != nil {
			return err
		}
	}
	m.fresh = false
	m.sent, m.denied = nil, map[int]error{}
	var failed error
	for _, pid := range m.PIDs() {
		switch err := m.known[pid].Signal(s); {
		case err == nil:
			m.sent = append(m.sent, pid)
		case !errors.Is(err, ErrNotFound):
			m.denied[pid] = err
			failed = errors.Join(failed, err)
		}
	}
	switch {
	case len(m.sent) > 0:
		return nil
	case failed != nil:
		return failed
	}
	return ErrNotFound
}

// Resume sends CONT to each that is stopped.
func (m *Matches) Resume() error {
	for _, pid := range m.sent {
		if err := m.known[pid].Resume(); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// Wait returns nil once none lives, and the cause of ctx if that ends first.
func (m *Matches) Wait(ctx context.Context) error {
	for {
		for pid, h := range m.known {
			if err := h.Wait(ctx); err != nil {
				return err
			}
			h.Close()
			delete(m.known, pid)
		}
		if err := m.look(); err != nil {
			return err
		}
		if len(m.known) == 0 {
			return nil
		}
	}
}

// look drops those that have ended, and adds those that have come.
func (m *Matches) look() error {
	for pid, h := range m.known {
		if alive, err := h.Alive(); err == nil && !alive {
			h.Close()
			delete(m.known, pid)
		}
	}
	found, err := m.search()
	for _, h := range found {
		if m.known[h.PID()] != nil {
			h.Close()
			continue
		}
		m.known[h.PID()] = h
	}
	return err
}

// search opens each process that seems to fit by a look at its number, and keeps those that do.
func (p Pattern) search() (found []*Handle, err error) {
	if p.empty() {
		return nil, nil
	}
	pids, err := procfs.Numbers()
	if err != nil {
		return nil, err
	}
	seems, err := p.glance()
	if err != nil {
		return nil, err
	}
	for _, pid := range pids {
		if !seems(pid) {
			continue
		}
		h, err := Open(pid)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return found, err
		}
		fits, err := p.Fits(h)
		if err != nil || !fits {
			h.Close()
		}
		if err != nil {
			return found, err
		}
		if fits {
			found = append(found, h)
		}
	}
	return found, nil
}

// glance makes the cheapest look at a number that tells most processes from those that fit.
func (p Pattern) glance() (func(pid int) bool, error) {
	self := os.Getpid()
	name := p.Name[:min(len(p.Name), nameLimit)]
	uid := -1
	if p.User != "" {
		var err error
		if uid, err = userID(p.User); err != nil {
			return nil, err
		}
	}
	runs := runner(p.Exec)
	return func(pid int) bool {
		if pid == self || pid == p.Except {
			return false
		}
		if name != "" || p.Parent != 0 {
			st, err := procfs.StatOf(pid)
			if err != nil || name != "" && st.Name != name || p.Parent != 0 && st.Parent != p.Parent {
				return false
			}
		}
		if runs != nil && !runs(pid) {
			return false
		}
		return uid < 0 || actsAs(pid, uid)
	}, nil
}
