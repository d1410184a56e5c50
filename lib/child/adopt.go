package child

import (
	"context"
	"errors"

	"pidbox/lib/cgroup"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
)

// Find returns the holder of the pidfile that Adopt would take over; nil if no process is left to adopt. One that
// cannot be told from another process is a *pidfile.DoubtError, unless Prove knows it.
func Find(s Spec) (*pidfile.Holder, error) {
	h, err := pidfile.Read(s.PIDFile, s.Rules)
	var garbage *pidfile.GarbageError
	var unsafe *pidfile.UnsafeError
	switch {
	case errors.As(err, &garbage):
		return nil, nil // it names no process: a start claims it, or says why not
	case errors.As(err, &unsafe) && claimable(s):
		return nil, nil
	case err != nil:
		return nil, err
	case h.State != pidfile.Running && h.State != pidfile.Doubtful:
		h.Close()
		return nil, nil
	}
	switch {
	case s.Prove != nil:
		err = s.Prove(h)
	default:
		_, err = h.Live()
	}
	if err == nil {
		return h, nil
	}
	if doubt := (*pidfile.DoubtError)(nil); !errors.As(err, &doubt) { // which owns the holder
		h.Close()
	}
	if errors.Is(err, proc.ErrNotFound) { // it has just ended
		err = nil
	}
	return nil, err
}

// claimable says that a start could claim the pidfile: a stranger's in a sticky directory keeps nobody from that.
func claimable(s Spec) bool {
	h, err := pidfile.Peek(s.PIDFile, nil, s.Rules)
	h.Close()
	return err == nil
}

// Adopt takes over the process that the pidfile names, which an earlier owner has started; nil if there is none. Of
// many at once one succeeds in Take, and Prove is to fail for the others.
func Adopt(ctx context.Context, s Spec) (*Child, error) {
	for {
		h, err := Find(s)
		if err != nil || h == nil {
			return nil, err
		}
		id, err := h.Process.Identity()
		if err == nil && s.Take != nil {
			err = pidfile.Locked(ctx, h, func() error {
				if err := s.Prove(h); err != nil {
					return err
				}
				return s.Take()
			})
		}
		if err == nil {
			return adopt(h, id, s), nil
		}
		if doubt := (*pidfile.DoubtError)(nil); !errors.As(err, &doubt) {
			h.Close()
		}
		if !errors.Is(err, pidfile.ErrChanged) && !errors.Is(err, proc.ErrNotFound) { // else it has just ended
			return nil, err
		}
	}
}

func adopt(h *pidfile.Holder, id proc.Identity, s Spec) *Child {
	c := &Child{spec: s, holder: h, handle: h.Process, identity: id, began: since(h.Process), done: make(chan struct{})}
	if s.OOM {
		c.oom = cgroup.WatchOOM(c.handle)
	}
	if s.grouped() {
		c.rejoin()
	}
	if c.members == nil && s.Scope == proc.Group { // its parent reaps it, and we may come too late to see what it leaves
		c.group, _ = c.handle.Family(proc.Group, h.Allow())
	}
	return c
}

// Pass has the pidfile name h, a process of the child's, which takes the handle over; Done and Reap stay the child's.
func (c *Child) Pass(ctx context.Context, h *proc.Handle) error {
	if err := c.rename(ctx, h); err != nil {
		return err
	}
	if c.process == nil || c.handle != c.process.Handle() {
		c.handle.Close()
	}
	c.handle = h
	if c.members != nil {
		c.members = c.members.Led(h)
	}
	return nil
}
