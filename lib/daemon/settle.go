package daemon

import (
	"context"
	"time"

	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

// settling is the wait for a daemon to count as started: it is ready, and has lived for long enough. All that happens
// meanwhile is an event, and these are taken in one after the other.
type settling struct {
	*start
	ctx    context.Context
	events chan event
	ready  bool
	began  time.Time
	due    time.Time // when it is to be ready
	limit  *time.Timer
	reason string // why it is not ready yet
}

// settle waits until the daemon counts as started, or has failed to.
func (s *start) settle(ctx context.Context) error {
	if s.Ready == nil && s.MinUptime == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &settling{start: s, ctx: ctx, events: make(chan event), ready: s.Ready == nil, began: time.Now()}
	w.due = w.began.Add(s.ReadyTimeout)
	w.limit = time.NewTimer(s.ReadyTimeout)
	defer w.limit.Stop()
	grown := time.NewTimer(s.MinUptime)
	defer grown.Stop()
	go w.watchChild()
	if w.ready {
		w.limit.Stop()
	} else {
		go s.Ready.await(ctx, s, w.post)
	}
	for lived := false; !w.ready || !lived; {
		var err error
		select {
		case happen := <-w.events:
			err = happen(w)
		case <-grown.C:
			lived = true
		case <-w.limit.C:
			err = w.late()
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
	}
	return w.look()
}

// post hands an event over, unless nobody waits for it any more.
func (w *settling) post(e event) {
	select {
	case w.events <- e:
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
	if end != nil && *end == (spawn.Ending{}) && w.Ready != nil && w.Ready.forks() {
		w.tell("process %d: exited; waiting for what it left", pid)
		_ = w.child.Within(func(f *proc.Family) error { return f.Wait(w.ctx) })
	}
	w.post(died(&DiedError{PID: pid, End: end}))
}

// watchMain tells of the end of a process that the child has named.
func (w *settling) watchMain(h *proc.Handle) {
	if h.Wait(w.ctx) == nil {
		w.post(died(&DiedError{PID: h.PID()}))
	}
}

func (w *settling) died(e *DiedError) error {
	e.Status = w.status
	e.Log, e.Tail = w.logs.tail()
	return e
}

func (w *settling) late() error {
	after := time.Since(w.began).Round(time.Millisecond)
	e := &NotReadyError{PID: w.child.PID(), After: after, Reason: w.reason, Status: w.status}
	e.Log, e.Tail = w.logs.tail()
	return e
}
