package cgroup

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"syscall"
	"time"

	"pidbox/lib/proc"
)

// Members are a process and all that is in its own group: what a stop by group is for. Processes that others move out of
// the group are none any more, but for the process itself; those that others move into it are.
type Members struct {
	*Group
	leader *proc.Handle // nil: it has exited
	pid    int
	allow  proc.Allow
}

// Members gives the group the process that it was made for, nil for one that has exited, and says which of the members may be
// signalled: all if allow is nil, and then by an act of the kernel. The handle stays the caller's.
func (g *Group) Members(pid int, leader *proc.Handle, allow proc.Allow) *Members {
	return &Members{g, leader, pid, allow}
}

// Led is m with another leader.
func (m *Members) Led(leader *proc.Handle) *Members {
	return &Members{m.Group, leader, leader.PID(), m.allow}
}

// Close is for a stop to have something to close.
func (m *Members) Close() error { return nil }

// Members lists the processes of the group, and the one that it was made for wherever that is, ascending.
func (m *Members) Members() ([]int, error) {
	pids, err := m.PIDs()
	if m.strayed() {
		pids = append(pids, m.leader.PID())
		slices.Sort(pids)
	}
	return pids, err
}

// strayed says that the leader lives, and that somebody has moved it out of the group.
func (m *Members) strayed() bool {
	if m.leader == nil {
		return false
	}
	alive, err := m.leader.Alive()
	return err == nil && alive && !m.Holds(m.leader.PID())
}

// Signal signals all of the group, and the leader if that is elsewhere: *proc.Refused where some were left alone. A KILL to
// all is one act of the kernel, which no member escapes, whoever's it is.
func (m *Members) Signal(sig syscall.Signal) error {
	var err error
	populated, failed := m.Populated()
	switch {
	case failed != nil:
		return failed
	case !populated:
		err = proc.ErrNotFound
	case sig == syscall.SIGKILL && m.allow == nil:
		err = m.Group.Signal(sig)
	default:
		var refused map[int]error
		if refused, err = m.each(sig, m.allow); err == nil {
			err = m.refusal(refused)
		}
	}
	if m.strayed() {
		if one := signalAllowed(m.leader, sig, m.allow); one == nil && errors.Is(err, proc.ErrNotFound) || err == nil {
			err = one
		}
	}
	return err
}

func (m *Members) refusal(refused map[int]error) error {
	pids := slices.Sorted(maps.Keys(refused))
	if len(pids) == 0 {
		return nil
	}
	return &proc.Refused{PID: m.pid, Scope: proc.ControlGroup, Members: pids, Why: refused[pids[0]]}
}

// signalAllowed signals a process if allow has nothing against it.
func signalAllowed(h *proc.Handle, sig syscall.Signal, allow proc.Allow) error {
	if err := allowed(h, allow); err != nil {
		return err
	}
	return h.Signal(sig)
}

func allowed(h *proc.Handle, allow proc.Allow) error {
	if allow == nil {
		return nil
	}
	who, err := h.Credentials()
	if err != nil {
		return err
	}
	return allow(h.PID(), who.RUID, who.SUID)
}

// Resume thaws the group, and continues those of its processes that are stopped.
func (m *Members) Resume() error {
	pids, err := m.Members()
	if m.allow == nil {
		if frozen, _ := m.Frozen(); frozen {
			err = errors.Join(err, m.Thaw())
		}
	}
	for _, pid := range pids {
		if h, opened := proc.Open(pid); opened == nil {
			ours := m.Holds(pid) || m.leader != nil && pid == m.leader.PID()
			if ours && allowed(h, m.allow) == nil {
				if failed := h.Resume(); !errors.Is(failed, fs.ErrPermission) { // a KILL reaches that too
					err = errors.Join(err, failed)
				}
			}
			h.Close()
		}
	}
	return err
}

// Wait returns nil once the group is empty and the leader has exited, and the cause of ctx if that ends first; a
// *proc.Refused says that only those are left that must not be signalled.
func (m *Members) Wait(ctx context.Context) error {
	for {
		err := m.waitGroup(ctx)
		if err != nil {
			return err
		}
		if m.leader == nil {
			return nil
		}
		if err := allowed(m.leader, m.allow); err != nil && m.strayed() {
			return m.refusal(map[int]error{m.leader.PID(): err})
		}
		if err := m.leader.Wait(ctx); err != nil && !errors.Is(err, proc.ErrNotFound) {
			return err
		}
		if populated, err := m.Populated(); err != nil || !populated { // what it forked while it was elsewhere stays there
			return err
		}
	}
}

func (m *Members) waitGroup(ctx context.Context) error {
	if m.allow == nil {
		return m.Group.Wait(ctx)
	}
	for {
		pids, err := m.PIDs()
		if err != nil || len(pids) == 0 {
			return err
		}
		refused := map[int]error{}
		waited := false
		for _, pid := range pids {
			h, err := proc.Open(pid)
			if err != nil {
				continue
			}
			switch why := allowed(h, m.allow); {
			case !m.Holds(pid) || errors.Is(why, proc.ErrNotFound):
				waited = true // look again
			case why != nil:
				refused[pid] = why
			default:
				err, waited = h.Wait(ctx), true
			}
			h.Close()
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil && !errors.Is(err, proc.ErrNotFound) {
				return err
			}
		}
		if !waited && len(refused) > 0 {
			return m.refusal(refused)
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// pause is for the moment that the group needs longer than a handle to know of an end.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(time.Millisecond):
		return nil
	}
}
