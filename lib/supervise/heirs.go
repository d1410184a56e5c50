package supervise

import (
	"context"
	"time"
)

// follow looks beside the loop for the child that one which has exited left in its place.
func (l *loop) follow(happening) phase {
	l.goal, l.reason = again, ""
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	go func(child Child) { l.results <- l.succession(ctx, child) }(l.child)
	return following
}

// succession is that look. What has not been seen for want of descriptors or memory may be there: it is looked for until it is
// seen, or the look is to end.
func (s *Supervisor) succession(ctx context.Context, child Child) result {
	for warned := false; ; warned = true {
		next, err := s.Command.Follow(ctx, child)
		switch {
		case next != nil:
			return result{event: started, child: next}
		case !scarce(err) || ctx.Err() != nil:
			return result{event: failed, err: err}
		case !warned:
			s.Log.Warn("not followed yet", "pid", child.PID(), "error", err.Error())
		}
		s.reserve.raise()
		time.Sleep(shortage)
	}
}

// heir goes on with the child that took the place of another. It is no restart, and what puts itself into the background
// is ready by that.
func (l *loop) heir(h happening) phase {
	l.cancel()
	l.uncheck()
	l.Log.Info("followed", "pid", h.child.PID(), "from", l.child.PID())
	l.child = h.child
	l.set(func(st *Status) {
		st.Child, st.Started, st.Healthy = l.child.PID(), new(l.child.Began()), nil
	})
	l.attend(true)
	switch l.goal {
	case stopped:
		l.reason = "stopped on request"
	case left:
		return l.part(h)
	case anew:
		l.reason = "restarted on request"
	case again:
		return running
	}
	return l.stopping(l.goal == anew)
}

// lost ends what is left of the scope of a child that nothing follows.
func (l *loop) lost(h happening) phase {
	l.cancel()
	if h.err != nil {
		l.Log.Warn("not followed", "pid", l.child.PID(), "error", h.err.Error())
	}
	if l.goal == left && scarce(h.err) { // there may be one
		return l.part(h)
	}
	return l.stopping(false)
}

// hurry ends the look.
func (l *loop) hurry(h happening) phase {
	l.aim(h.request)
	l.cancel()
	return l.phase
}
