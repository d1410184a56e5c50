//go:build !pidbox_some || applet_pid_kill || applet_sipid || applet_start_stop_daemon

package applets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/duration"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
	"pidbox/lib/stop"
)

// victim is what to stop: one process, or those in a scope of it.
type victim struct {
	stop.Target
	family interface{ Members() ([]int, error) } // nil for one process
	leader *proc.Handle                          // nil when only orphans are left
	name   string                                // "process 4711", for messages
	Close  func() error
}

func newVictim(f *proc.Family, leader *proc.Handle, name string) *victim {
	return &victim{Target: f, family: f, leader: leader, name: name, Close: f.Close}
}

// target is what the pidfile names, nil for no process.
func (o *pidKillOptions) target(h *pidfile.Holder) (*victim, error) {
	scope := o.scope()
	if scope == proc.ControlGroup {
		return o.grouped(h)
	}
	name := fmt.Sprintf("%s %d", scope, h.PID)
	p, err := h.Live()
	switch {
	case err != nil:
		return nil, err
	case p != nil && scope == proc.Process && h.Allow() == nil:
		return &victim{Target: p, leader: p, name: name, Close: func() error { return nil }}, nil
	case p != nil:
		f, err := p.Family(scope, h.Allow())
		if err == nil {
			return newVictim(f, p, name), nil
		}
		follower := (*proc.NotLeaderError)(nil)
		switch {
		case errors.As(err, &follower):
			return nil, applet.WithHint(fmt.Errorf("%s: %w", o.file, err), "--tree stops it and its descendants")
		case !errors.Is(err, proc.ErrNotFound):
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
	return newVictim(f, nil, "what is left of "+name), nil
}

// grouped is the process and what is in its control group, or what is left in that; nil for no process.
func (o *pidKillOptions) grouped(h *pidfile.Holder) (*victim, error) {
	p, err := h.Live()
	if err != nil {
		return nil, err
	}
	members, err := h.Members()
	name := fmt.Sprintf("the %s %d", proc.ControlGroup, h.PID)
	switch {
	case p == nil && errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, fs.ErrNotExist) && h.Grouped():
		return nil, applet.WithHint(applet.Fail(applet.Unsafe, "%s: process %d was moved out of its control group, which is gone", o.file, h.PID),
			"--tree stops it and its descendants")
	case errors.Is(err, fs.ErrNotExist):
		return nil, applet.WithHint(applet.Fail(applet.Unsafe, "%s: process %d was not started with a control group of its own", o.file, h.PID),
			"--tree stops it and its descendants")
	case err != nil:
		return nil, fmt.Errorf("%s: %w", o.file, err)
	}
	if p == nil {
		if populated, err := members.Populated(); err != nil || !populated {
			return nil, err
		}
		name = "what is left of " + name
	}
	return &victim{Target: members, family: members, leader: p, name: name, Close: members.Close}, nil
}

// orphans are what a process that has ended left in its group or session, nil for no process. Without a record there is
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
	f, err := proc.Orphans(was, scope, h.Allow())
	if errors.Is(err, proc.ErrNotFound) {
		return nil, nil
	}
	return f, err
}

// planned is the schedule as it fits into what is left of the budget, less a moment for the check and the pidfile.
func (o *pidKillOptions) planned() signals.Schedule {
	if o.budget == 0 {
		return o.schedule
	}
	schedule := o.schedule.Within(max(0, (o.budget-time.Since(o.began))*49/50))
	for i := range schedule {
		schedule[i].Wait = schedule[i].Wait.Truncate(time.Millisecond)
	}
	return schedule
}

// stop runs the schedule; nil says that all are gone.
func (o *pidKillOptions) stop(c *applet.Call, t *victim) (err error) {
	schedule := o.planned()
	c.Tell("stopping %s by %s", t.name, schedule)
	ctx, done := o.interruptible()
	defer done()
	if t.leader != nil && (o.json || c.Verbose || !c.Quiet) {
		m, patience := mortal{Handle: t.leader}, time.Millisecond
		if o.json || c.Verbose { // a watch costs a third of the whole call, and descriptors
			m, patience = watchMortal(t.leader), collection
			defer m.oom.Close()
		}
		defer func() {
			if err == nil {
				o.tellEnd(c, m, patience, schedule)
			}
		}()
	}
	gone, left, err := o.first(ctx, c, t, schedule)
	if err != nil || gone {
		return err
	}
	shown := c.Progress(0, "stopping %s", t.name)
	out, err := stop.Run(ctx, t.Target, left, func(s signals.Step) {
		c.Tell("sending %s, then waiting up to %s", signals.Name(s.Signal), duration.Format(s.Wait))
		shown.Begin(s.Wait, "waiting for %s to exit after %s", t.name, signals.Name(s.Signal))
	})
	shown.Clear()
	switch {
	case errors.Is(err, stop.ErrSurvived):
		return applet.Fail(applet.Survived, "%s: %s survived SIG%s (%s)", o.file, t.name, signals.Name(out.Last), t.survivors())
	case err != nil:
		return fmt.Errorf("%s: %w", o.file, err)
	}
	o.out.Killed = out.Last == syscall.SIGKILL && left[0].Signal != syscall.SIGKILL
	if o.out.Killed && !c.Quiet {
		c.Say("%s: %s did not exit in time and was killed (SIGKILL)", o.file, t.name)
	}
	c.Tell("%s is gone", t.name)
	return nil
}

// tellEnd tells how the process ended. That is in one line, asked for or not, where it was not by what it was sent.
func (o *pidKillOptions) tellEnd(c *applet.Call, m mortal, patience time.Duration, schedule signals.Schedule) {
	end, err := m.ended(patience)
	if err != nil {
		o.out.Exit = untoldEnding(err)
		c.Tell("%v", err)
		return
	}
	o.out.Exit = told(end)
	sent := slices.ContainsFunc(schedule, func(s signals.Step) bool { return s.Signal == end.Signal })
	switch {
	case end.Signal != 0 && (!sent || end.Core || end.OOM) && !c.Quiet:
		c.Say("%s: process %d ended by %s", o.file, m.PID(), end)
	default:
		c.Tell("process %d has exited: %s", m.PID(), end)
	}
}

// first is --stop-command.
func (o *pidKillOptions) first(ctx context.Context, c *applet.Call, t *victim, schedule signals.Schedule) (gone bool, left signals.Schedule, err error) {
	if o.stopBy == "" || t.leader == nil {
		return false, schedule, nil
	}
	c.Tell("running the stop command")
	gone, left, err = stop.First(ctx, t.Target, schedule, func(ctx context.Context) error {
		return o.stopBy.Run(ctx, t.leader.PID(), spawn.Command{Env: os.Environ()})
	}, func(err error) {
		c.Say("%s: the stop command failed: %v", o.file, err)
	})
	if gone {
		c.Tell("%s is gone", t.name)
	}
	return gone, left, err
}

// interruptible is a context that a signal to this program ends, where there is something to undo then: the members of a
// tree are stopped before they are killed, those of some control groups frozen. Elsewhere the signal has its own effect, but for PID 1, which has none.
func (o *pidKillOptions) interruptible() (context.Context, func()) {
	if o.tree || o.cgroup || os.Getpid() == 1 {
		return signals.Until(context.Background())
	}
	return context.Background(), func() {}
}

// signalOnce is --no-wait.
func (o *pidKillOptions) signalOnce(c *applet.Call, t *victim) error {
	sig := o.schedule[0].Signal
	if o.handler && t.leader != nil {
		switch caught, err := t.leader.Catches(sig); {
		case errors.Is(err, proc.ErrNotFound):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", o.file, err)
		case !caught:
			return applet.Fail(applet.Unsafe, "%s: %s has no handler for %s; the signal was not sent", o.file, t.name, signals.Name(sig))
		}
	}
	c.Tell("sending %s to %s", signals.Name(sig), t.name)
	err := t.Target.Signal(sig)
	if err == nil || errors.Is(err, proc.ErrNotFound) {
		return nil
	}
	return fmt.Errorf("%s: %w", o.file, err)
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

// nothing is the answer when there is no process to stop. A file that names none any more is removed, but not one that
// was claimed in another PID namespace, where its process may well be alive, nor by --no-wait.
func (o *pidKillOptions) nothing(c *applet.Call, h *pidfile.Holder) error {
	if h.State != pidfile.Foreign && !o.noWait {
		if err := o.release(c, h); err != nil {
			return err
		}
	}
	o.out.Why = "nothing to stop: " + h.Why
	switch {
	case o.strict:
		return applet.Fail(applet.No, "%s: nothing to stop: %s", o.file, h.Why)
	case c.Quiet:
	case h.State == pidfile.Foreign:
		c.Say("%s: left alone: %s", o.file, h.Why)
	default:
		c.Say("%s: nothing to stop: %s", o.file, h.Why)
	}
	return nil
}

// release removes the pidfile, unless it is another program's by now. What is left of the budget bounds the locks.
func (o *pidKillOptions) release(c *applet.Call, h *pidfile.Holder) error {
	if o.keep {
		return nil
	}
	ctx := context.Background()
	if o.budget > 0 {
		late := fmt.Errorf("%s: %w", o.file, pidfile.ErrBusy)
		bounded, cancel := context.WithDeadlineCause(ctx, o.began.Add(o.budget), late)
		defer cancel()
		ctx = bounded
	}
	shown := c.Progress(0, "waiting for the lock of %s", o.file)
	err := pidfile.Release(ctx, h)
	shown.Clear()
	if errors.Is(err, pidfile.ErrChanged) {
		c.Tell("%v: left alone", err)
		return nil
	}
	return err
}

// rehearse tells what would be done, and fails where a right to do it is missing.
func (o *pidKillOptions) rehearse(c *applet.Call, h *pidfile.Holder, t *victim) error {
	if t != nil {
		defer t.Close()
		if err := t.Target.Signal(0); err != nil && !errors.Is(err, proc.ErrNotFound) {
			return fmt.Errorf("%s: %w", o.file, err)
		}
	}
	if t != nil && o.noWait {
		c.Say("would send %s to %s", signals.Name(o.schedule[0].Signal), t.name)
		return nil
	}
	removes := !o.keep && !o.noWait && h.State != pidfile.Absent && h.State != pidfile.Foreign
	if removes {
		if err := pidfile.Removable(h); err != nil {
			return err
		}
	}
	switch {
	case t != nil && o.stopBy != "" && t.leader != nil:
		c.Say("would stop %s by the stop command, then by %s", t.name, o.planned())
	case t != nil:
		c.Say("would stop %s by %s", t.name, o.planned())
	case removes:
		c.Say("would send no signal, and remove %s: %s", o.file, h.Why)
	default:
		c.Say("would send no signal: %s: %s", o.file, h.Why)
	}
	if t == nil && o.strict {
		return applet.Exit(applet.No)
	}
	return nil
}
