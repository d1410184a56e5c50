package child

import (
	"context"
	"errors"
	"time"

	"pidbox/lib/cgroup"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
)

// Inherits says that h may take the child's place: it is one of the child's own, by Owns. Of one that was adopted, which its
// parent may have reaped, the number of its session proves nothing by itself: who is in it and began before the child ended
// was in it then, for no process gets into a session that it did not begin in but by making it.
func (c *Child) Inherits(h *proc.Handle) (bool, error) {
	ours, err := c.Owns(h)
	if err != nil || !ours || c.process != nil || c.kin != nil || c.members != nil {
		return ours, err
	}
	info, err := h.Info()
	return err == nil && info.Started.Before(c.Ended()), err
}

// Succeed makes a child of h, which Inherits, once the process itself has ended: the pidfile names h from then on. It takes h
// over, and c is to be reaped and closed; with an error nothing has changed.
func (c *Child) Succeed(ctx context.Context, h *proc.Handle) (*Child, error) {
	id, err := h.Identity()
	if err == nil {
		err = c.rename(ctx, h)
	}
	if err != nil {
		return nil, err
	}
	next := &Child{spec: c.spec, recorded: true, handle: h, identity: id, began: since(h), done: make(chan struct{})}
	next.kin, c.kin = c.kin, nil
	if c.spec.OOM {
		next.oom = cgroup.WatchOOM(h)
	}
	switch {
	case c.members != nil:
		next.members, c.members = c.members.Led(h), nil
	case c.spec.Scope == proc.Group:
		next.group, _ = h.Family(proc.Group, nil)
	}
	return next, nil
}

// rename has the pidfile name h in place of the child.
func (c *Child) rename(ctx context.Context, h *proc.Handle) error {
	if c.spec.PIDFile == "" {
		return nil
	}
	holder, err := pidfile.Read(c.spec.PIDFile, c.spec.Rules)
	if err != nil {
		return err
	}
	defer holder.Close()
	if holder.PID != c.PID() {
		return pidfile.ErrChanged
	}
	return pidfile.Pass(ctx, holder, h, c.spec.Mode, c.spec.HoldLock, c.spec.Attach)
}

// Rest waits for the end of all that came of the child, at most for d, and says whether that was before. Where it cannot be
// found out, it was not.
func (c *Child) Rest(d time.Duration) bool {
	if c.kin == nil {
		time.Sleep(d)
		return false
	}
	tree, err := c.tree()
	if err != nil {
		time.Sleep(d)
		return false
	}
	defer tree.Close()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	err = tree.Wait(ctx)
	return err == nil || !errors.Is(err, context.DeadlineExceeded)
}

// since is when a process began, on the monotonic clock: a step of the wall clock makes nobody older.
func since(h *proc.Handle) time.Time {
	now := time.Now()
	if info, err := h.Info(); err == nil {
		if age := now.Sub(info.Started); !info.Started.IsZero() && age > 0 {
			return now.Add(-age)
		}
	}
	return now
}
