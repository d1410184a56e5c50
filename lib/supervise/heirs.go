package supervise

import "context"

// follow looks beside the loop for the child that one which has exited left in its place.
func (l *loop) follow(happening) phase {
	l.goal, l.reason = again, ""
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	go func(child Child) {
		r := result{event: failed}
		if r.child, r.err = l.Command.Follow(ctx, child); r.child != nil {
			r.event = started
		}
		l.results <- r
	}(l.child)
	return following
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
	return l.stopping(false)
}

// hurry ends the look.
func (l *loop) hurry(h happening) phase {
	l.aim(h.request)
	l.cancel()
	return l.phase
}
