package daemon

import (
	"errors"
	"time"

	"pidbox/lib/proc"
)

// event is what happens while a daemon gets ready. Its error ends the wait.
type event func(*settling) error

// failed: the waiting itself has failed.
func failed(err error) event {
	return func(*settling) error { return err }
}

// died: a process has ended. That counts if the pidfile names it.
func died(e *DiedError) event {
	return func(w *settling) error {
		if e.PID != w.child.PID() {
			return nil
		}
		return w.died(e)
	}
}

// named: the daemon is this process, from now on.
func named(h *proc.Handle) event {
	return func(w *settling) error {
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
		go w.watchMain(h)
		return nil
	}
}

// ready: it has shown that it is, and said what is not empty.
func ready(status string) event {
	return func(w *settling) error {
		w.tell("process %d: ready", w.child.PID())
		w.limit.Stop()
		w.ready = true
		if status != "" {
			return said(status)(w)
		}
		return nil
	}
}

// said is what it says of itself.
func said(status string) event {
	return func(w *settling) error {
		w.status = status
		w.tell("process %d: %q", w.child.PID(), status)
		return nil
	}
}

// notYet is why it is not ready.
func notYet(reason string) event {
	return func(w *settling) error {
		w.reason = reason
		return nil
	}
}

// extended: it wants that much more time, from now. It never gets less than it had.
func extended(by time.Duration) event {
	return func(w *settling) error {
		if until := time.Now().Add(by); !w.ready && until.After(w.due) {
			w.due = until
			w.limit.Reset(by)
		}
		return nil
	}
}
