package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pidbox/lib/child"
	"pidbox/lib/proc"
	"pidbox/lib/ready"
	"pidbox/lib/spawn"
)

// settling is the wait for a daemon to count as started.
type settling struct {
	*start
	ctx    context.Context
	dead   chan *DiedError
	ready  bool
	served bool
	fatal  *DiedError // what it may have said of that is still to be heard
	status string     // what it said of itself last
}

// settle waits until the daemon counts as started, or has failed to: it is ready, and heard until its barrier was served.
func (s *start) settle(ctx context.Context) error {
	if !s.Want.Shown() && s.Want.MinUptime == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &settling{start: s, ctx: ctx, dead: make(chan *DiedError), served: !s.Want.Notify || s.Supervisor}
	go w.watchChild()
	s.course.Watch(s.child, s.began)
	for !w.ready || !w.served || w.fatal != nil {
		var err error
		select {
		case e := <-s.course.Events():
			err = w.happens(e)
		case e := <-w.dead:
			err = w.dies(e)
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
	}
	return w.look()
}

func (w *settling) happens(e ready.Event) error {
	pid := w.child.PID()
	switch e.Kind {
	case ready.Ready:
		w.ready = true
		if w.Want.Shown() {
			w.tell("process %d: ready", pid)
		}
	case ready.Served:
		w.served = true
	case ready.Status:
		w.status = e.Text
		w.tell("process %d: %q", pid, e.Text)
	case ready.Named:
		return w.named(e.Main)
	case ready.Stopping:
		w.tell("process %d: stopping", pid)
	case ready.Late, ready.Never:
		return w.late(e)
	case ready.Heard:
		if w.fatal != nil && w.fatal.PID == w.child.PID() {
			return w.died(w.fatal)
		}
		w.fatal = nil // another is the main process
	case ready.Ignored:
		w.tell("%s", e.Text)
	case ready.Failed:
		return e.Err
	}
	return nil
}

// dies: a process has ended. That counts if the pidfile names it.
func (w *settling) dies(e *DiedError) error {
	switch {
	case e.PID != w.child.PID():
		return nil
	case !w.Want.Notify:
		return w.died(e)
	}
	w.fatal = e
	w.course.Hear()
	return nil
}

// named: the daemon is this process, from now on.
func (w *settling) named(h *proc.Handle) error {
	if h.PID() == w.child.PID() {
		h.Close()
		return nil
	}
	err := w.pass(w.ctx, h)
	switch {
	case errors.Is(err, proc.ErrNotFound): // between its message and now
		h.Close()
		return w.died(&DiedError{PID: h.PID()})
	case err != nil:
		h.Close()
		return err
	}
	go func() {
		if h.Wait(w.ctx) == nil {
			w.bury(&DiedError{PID: h.PID()})
		}
	}()
	return nil
}

// bury tells of a death, unless nobody waits for it any more.
func (w *settling) bury(e *DiedError) {
	select {
	case w.dead <- e:
	case <-w.ctx.Done():
	}
}

// look is the last one: what was told and what happened may have crossed.
func (w *settling) look() error {
	alive, err := w.child.Handle().Alive()
	if err != nil || alive {
		return err
	}
	e := &DiedError{PID: w.child.PID()}
	if e.PID == w.child.Identity().PID {
		e.End = w.ending()
	}
	return w.died(e)
}

// ending is how the child ended, nil where that is not known.
func (w *settling) ending() *spawn.Ending {
	if end, err := w.child.Reap(); err == nil {
		return &end
	}
	return nil
}

// watchChild tells of the end of the child. One that is to report its readiness by messages and exits with 0 may have
// left the daemon behind, and MAINPID be to come: it counts as dead when nothing of it is left.
func (w *settling) watchChild() {
	select {
	case <-w.child.Done():
	case <-w.ctx.Done():
		return
	}
	pid, end := w.child.Identity().PID, w.ending()
	if end != nil && *end == (spawn.Ending{}) && w.Want.Notify {
		w.tell("process %d: exited; waiting for the processes that it left", pid)
		_ = w.child.Within(func(f child.Family) error { return f.Wait(w.ctx) })
	}
	w.bury(&DiedError{PID: pid, End: end})
}

func (w *settling) died(e *DiedError) error {
	e.Status = w.status
	e.Log, e.Tail = w.logs.words.Last()
	return e
}

func (w *settling) late(event ready.Event) error {
	after := time.Since(w.began).Round(time.Millisecond)
	e := &NotReadyError{PID: w.child.PID(), After: after, Reason: event.Text, Status: w.status}
	e.Log, e.Tail = w.logs.words.Last()
	return e
}

// pass makes h the daemon, also in the pidfile.
func (s *start) pass(ctx context.Context, h *proc.Handle) error {
	before := s.child.PID()
	if err := s.child.Pass(ctx, h); errors.Is(err, proc.ErrNotFound) {
		return err
	} else if err != nil {
		return fmt.Errorf("%s: pass the pidfile on to process %d: %w", s.PIDFile, h.PID(), err)
	}
	s.tell("process %d: is the main process, instead of %d", h.PID(), before)
	return nil
}
