//go:build !pidbox_some || applet_sipid || applet_wait_healthy

package applets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/duration"
	"pidbox/lib/health"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
)

// watchedProcess is the process that is to become healthy; nil watches none.
type watchedProcess struct {
	mortal
	name    string
	started time.Time
}

var errDied = errors.New("the watched process died")

// watched opens the process that the options name.
func (o *waitHealthyOptions) watched() (*watchedProcess, error) {
	switch {
	case o.file != "":
		h, err := pidfile.Read(o.file, o.rules)
		if err != nil {
			return nil, err
		}
		switch h.State {
		case pidfile.Running:
			return newWatched(h.Process)
		case pidfile.Doubtful:
			return nil, &pidfile.DoubtError{Holder: h}
		}
		return nil, applet.Fail(applet.Absent, "%s: no process to watch: %s", o.file, h.Why)
	case o.pid.pid != 0:
		p, err := o.pid.open()
		if err != nil {
			return nil, err
		}
		return newWatched(p)
	}
	return nil, nil
}

func newWatched(p *proc.Handle) (*watchedProcess, error) {
	info, err := p.Info()
	if err != nil {
		return nil, err
	}
	w := &watchedProcess{mortal: watchMortal(p), name: fmt.Sprintf("process %d", p.PID()), started: info.Started}
	if info.Name != "" { // not to be seen without /proc, or another's under hidepid
		w.name += " (" + info.Name + ")"
	}
	if err := w.check(); err != nil {
		return nil, applet.Fail(applet.Absent, "%s is not running", w.name)
	}
	return w, nil
}

func (w *watchedProcess) Close() {
	if w != nil {
		w.oom.Close()
		w.Handle.Close()
	}
}

// watch ends ctx with errDied when the process does.
func (w *watchedProcess) watch(ctx context.Context) (context.Context, func()) {
	if w == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-w.Done():
			cancel(errDied)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// own makes checks believe answers of this machine only from the watched process and those that came of it: its
// descendants, and its session if it leads one.
func (w *watchedProcess) own(checks []health.Check) []health.Check {
	if w == nil {
		return checks
	}
	return health.OwnedAll(checks, health.Owner{Leader: w.PID(), Members: w.kin})
}

func (w *watchedProcess) kin() ([]int, error) {
	tree, err := w.members(proc.Tree)
	if err != nil {
		return nil, err
	}
	var follower *proc.NotLeaderError
	session, err := w.members(proc.Session)
	if errors.As(err, &follower) {
		err = nil
	}
	return append(tree, session...), err
}

func (w *watchedProcess) members(scope proc.Scope) ([]int, error) {
	f, err := w.Family(scope, nil)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Members()
}

func (w *watchedProcess) check() error {
	if w == nil {
		return nil
	}
	if alive, err := w.Alive(); alive || err != nil {
		return err
	}
	return errDied
}

// lived is how long the process lived, where that is known, and how it ended, in words.
func (w *watchedProcess) lived() (text string) {
	if !w.started.IsZero() {
		text = " after " + brief(max(time.Since(w.started), 0))
	}
	end, err := w.ended(collection)
	if err != nil {
		return text + " (how is not known: " + untoldEnding(err).Unknown + ")"
	}
	return text + " (" + end.String() + ")"
}

// brief rounds d for people.
func brief(d time.Duration) string {
	if d >= time.Second {
		return duration.Format(d.Round(100 * time.Millisecond))
	}
	return duration.Format(d.Round(time.Millisecond))
}
