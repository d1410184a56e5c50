package applets

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/duration"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/stop"
)

// victim is whom to stop: one process, or those in a scope of it.
type victim struct {
	stop.Target
	family *proc.Family // nil for one process
	leader *proc.Handle // nil when only orphans are left
	name   string       // "process 4711", for messages
	Close  func() error
}

// target is whom the pidfile names, nil for nobody.
func (o *pidKillOptions) target(h *pidfile.Holder) (*victim, error) {
	scope, _ := o.scope()
	name := fmt.Sprintf("%s %d", scope, h.PID)
	switch {
	case h.State == pidfile.Doubtful:
		return nil, &pidfile.DoubtError{Holder: h}
	case h.State == pidfile.Running && scope == proc.Process:
		return &victim{h.Process, nil, h.Process, name, func() error { return nil }}, nil
	case h.State == pidfile.Running:
		f, err := h.Process.Family(scope, nil)
		if err == nil {
			return &victim{f, f, h.Process, name, f.Close}, nil
		}
		if !errors.Is(err, proc.ErrNotFound) {
			return nil, fmt.Errorf("%s: %w", o.file, err)
		}
	case h.State != pidfile.Stale || scope == proc.Process:
		return nil, nil
	}
	f, err := orphans(h, scope)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.file, err)
	}
	if f == nil {
		return nil, nil
	}
	return &victim{f, f, nil, "what is left of " + name, f.Close}, nil
}

// orphans are what a process that has ended left in its group or session, nil for nobody. Without a record there is
// no proof for any of them, and a live process with the number is proof that they are not its own.
func orphans(h *pidfile.Holder, scope proc.Scope) (*proc.Family, error) {
	was := proc.Identity{PID: h.PID}
	if h.Recorded != nil {
		was = *h.Recorded
	} else if p, err := proc.Open(h.PID); err == nil {
		alive, err := p.Alive()
		p.Close()
		if err != nil || alive {
			return nil, err
		}
	}
	f, err := proc.Orphans(was, scope, nil)
	if errors.Is(err, proc.ErrNotFound) {
		return nil, nil
	}
	return f, err
}

// stop runs the schedule; nil says that all are gone.
func (o *pidKillOptions) stop(c *applet.Call, h *pidfile.Holder, t *victim) error {
	schedule := o.schedule
	if o.budget != nil { // less what was spent already, and a moment for the check and the pidfile
		schedule = schedule.Within(max(0, (*o.budget-time.Since(o.began))*49/50))
	}
	c.Tell("stopping %s by %s", t.name, schedule)
	out, err := stop.Run(context.Background(), t.Target, schedule, func(s signals.Step) {
		c.Tell("sending %s, then waiting up to %s", signals.Name(s.Signal), duration.Format(s.Wait))
	})
	switch {
	case errors.Is(err, stop.ErrSurvived):
		return applet.Fail(applet.Survived, "%s: %s survived SIG%s (%s)", o.file, t.name, signals.Name(out.Last), t.survivors())
	case err != nil:
		return fmt.Errorf("%s: %w", o.file, err)
	}
	c.Tell("%s is gone", t.name)
	return nil
}

// survivors is who is left of several, and of a single process the state, which may tell why.
func (t *victim) survivors() string {
	var left []int
	if t.family != nil {
		left, _ = t.family.Members()
	}
	if t.leader == nil || len(left) > 1 || len(left) == 1 && left[0] != t.leader.PID() {
		return "left: " + strings.Trim(fmt.Sprint(left), "[]")
	}
	state, _ := t.leader.State()
	return fmt.Sprintf("state %s", state)
}

// nothing is the answer when there is nobody to stop. A file that names nobody any more goes, but not one that was
// claimed in another PID namespace, where its process may well live.
func (o *pidKillOptions) nothing(c *applet.Call, h *pidfile.Holder) error {
	if h.State != pidfile.Foreign {
		if err := o.release(c, h); err != nil {
			return err
		}
	}
	switch {
	case o.strict:
		return applet.Fail(applet.No, "%s: nothing to stop: %s", o.file, h.Why)
	case h.State == pidfile.Foreign:
		c.Say("%s: left alone: %s", o.file, h.Why)
		return nil
	}
	c.Tell("%s: nothing to stop: %s", o.file, h.Why)
	return nil
}

// release removes the pidfile, unless it is somebody else's by now.
func (o *pidKillOptions) release(c *applet.Call, h *pidfile.Holder) error {
	if o.keep {
		return nil
	}
	err := pidfile.Release(context.Background(), h)
	if errors.Is(err, pidfile.ErrChanged) {
		c.Tell("%v: left to them", err)
		return nil
	}
	return err
}

// rehearse tells what would be done, and fails where a right to do it is missing.
func (o *pidKillOptions) rehearse(c *applet.Call, h *pidfile.Holder, t *victim) error {
	if t != nil {
		defer t.Close()
		if err := t.Signal(0); err != nil && !errors.Is(err, proc.ErrNotFound) {
			return fmt.Errorf("%s: %w", o.file, err)
		}
	}
	if t != nil && o.noWait {
		c.Say("would send %s to %s", signals.Name(o.schedule[0].Signal), t.name)
		return nil
	}
	removes := !o.keep && h.State != pidfile.Absent && h.State != pidfile.Foreign
	if removes {
		if err := pidfile.Removable(h); err != nil {
			return err
		}
	}
	switch {
	case t != nil:
		schedule := o.schedule
		if o.budget != nil {
			schedule = schedule.Within(*o.budget)
		}
		c.Say("would stop %s by %s", t.name, schedule)
	case removes:
		c.Say("would signal nobody, and remove %s: %s", o.file, h.Why)
	default:
		c.Say("would signal nobody: %s: %s", o.file, h.Why)
	}
	if t == nil && o.strict {
		return applet.Exit(applet.No)
	}
	return nil
}
