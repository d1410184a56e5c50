package daemon

import (
	"context"
	"errors"
	"time"

	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

// event is what happens while a daemon gets ready.
type event struct {
	ready  bool
	died   *DiedError    // the process with its PID has ended
	main   *proc.Handle  // the daemon is this one, from now on
	status string        // what it says of itself
	reason string        // why it is not ready yet
	extend time.Duration // it wants so much more time, from now
	err    error         // the waiting itself has failed
}

// settle waits until the daemon counts as started, or has failed to.
func (s *start) settle(ctx context.Context) error {
	if s.Ready == nil && s.MinUptime == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := make(chan event)
	post := func(e event) {
		select {
		case events <- e:
		case <-ctx.Done():
		}
	}
	go s.watchChild(ctx, post)
	lived, limit, ready := time.NewTimer(s.MinUptime), time.NewTimer(s.ReadyTimeout), s.Ready == nil
	defer lived.Stop()
	defer limit.Stop()
	if ready {
		limit.Stop()
	} else {
		go s.Ready.await(ctx, s, post)
	}
	began, due, reason, grown := time.Now(), time.Now().Add(s.ReadyTimeout), "", false
	for {
		select {
		case e := <-events:
			switch {
			case e.err != nil:
				return e.err
			case e.died != nil && e.died.PID == s.main.PID():
				return s.died(e.died)
			case e.main != nil && e.main.PID() == s.main.PID():
				e.main.Close()
			case e.main != nil:
				if err := s.pass(ctx, e.main); errors.Is(err, proc.ErrNotFound) {
					defer e.main.Close()
					return s.died(&DiedError{PID: e.main.PID()}) // between its message and now
				} else if err != nil {
					return err
				}
				go s.watchMain(ctx, e.main, post)
			case e.ready:
				s.tell("process %d: ready", s.main.PID())
				limit.Stop()
				ready = true
			}
			if e.status != "" {
				s.status = e.status
				s.tell("process %d: %q", s.main.PID(), e.status)
			}
			if e.reason != "" {
				reason = e.reason
			}
			if until := time.Now().Add(e.extend); e.extend > 0 && !ready && until.After(due) {
				due = until
				limit.Reset(e.extend)
			}
		case <-lived.C:
			grown = true
		case <-limit.C:
			return s.late(time.Since(began), reason)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if ready && grown {
			return s.look()
		}
	}
}

// look is the last one: what was told and what happened may have crossed.
func (s *start) look() error {
	alive, err := s.main.Alive()
	if err != nil || alive {
		return err
	}
	died := &DiedError{PID: s.main.PID()}
	if s.main == s.process.Handle() {
		died.End = <-s.ended
	}
	return s.died(died)
}

// watchChild tells of the end of the child. One that is to report its readiness by messages and exits with 0 may have
// left the daemon behind, and MAINPID be to come: it counts as dead when nothing of it is left.
func (s *start) watchChild(ctx context.Context, post func(event)) {
	pid := s.process.PID()
	var end *spawn.Ending
	if e, err := s.process.Wait(ctx); err == nil {
		end = &e
	} else if ctx.Err() != nil {
		return
	}
	s.ended <- end
	if end != nil && *end == (spawn.Ending{}) && s.Ready != nil && s.Ready.forks() {
		s.tell("process %d: exited; waiting for what it left", pid)
		if family, err := s.family(); err == nil {
			defer family.Close()
			if family.Wait(ctx) != nil && ctx.Err() != nil {
				return
			}
		}
	}
	post(event{died: &DiedError{PID: pid, End: end}})
}

func (s *start) watchMain(ctx context.Context, h *proc.Handle, post func(event)) {
	if h.Wait(ctx) == nil {
		post(event{died: &DiedError{PID: h.PID()}})
	}
}

func (s *start) died(e *DiedError) error {
	e.Status = s.status
	e.Log, e.Tail = s.logs.tail()
	return e
}

func (s *start) late(after time.Duration, reason string) error {
	e := &NotReadyError{PID: s.main.PID(), After: after.Round(time.Millisecond), Reason: reason, Status: s.status}
	e.Log, e.Tail = s.logs.tail()
	return e
}
