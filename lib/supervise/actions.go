package supervise

import (
	"errors"
	"fmt"
	"time"
)

// watch begins to watch a child that was started or adopted.
func (l *loop) watch(h happening) phase {
	l.cancel()
	l.child, l.misses = h.child, 0
	if h.other {
		l.Log.Info("stopping the child of another command", "pid", l.child.PID())
		l.other = true
		return l.stopping(false)
	}
	restarts := 0
	if l.child.Adopted() {
		l.Log.Info("adopted", "pid", l.child.PID())
	} else {
		l.Log.Info("started", "pid", l.child.PID())
	}
	if !l.first {
		restarts = 1
	}
	l.first = false
	l.set(func(st *Status) {
		*st = Status{
			State: Running, Restarts: st.Restarts + restarts, LastExit: st.LastExit,
			Child: l.child.PID(), Adopted: l.child.Adopted(), Started: new(l.child.Began()),
		}
	})
	if l.goal != anew {
		l.settle(nil)
	}
	l.attend(l.child.Events() == nil)
	l.rests.Do(func() { time.AfterFunc(time.Second, unmapProgram) })
	if l.goal == anew { // asked for while it was being started, with what was there before
		l.reason = "restarted on request"
		return l.stopping(true)
	}
	return running
}

// attend begins to check the child, which is ready once it was shown and is healthy.
func (l *loop) attend(shown bool) {
	l.shown, l.healthy = shown, l.Health == nil
	l.wasReady = l.wasReady || l.child.Adopted()
	l.checks, l.uncheck = l.check(l.child)
	l.announce()
}

// retry waits for the next try of a start that failed. It is no crash: it has a pace of its own, and does not count as a
// restart.
func (l *loop) retry(h happening) phase {
	l.cancel()
	if l.first || h.fatal {
		l.err = h.err
		if h.fatal {
			return done
		}
		return l.ended(Stopped)
	}
	l.misses++
	pause := min(startPause<<min(l.misses-1, 20), max(l.Backoff.Max, startPause))
	l.set(func(st *Status) { st.LastExit = "not started: " + h.err.Error() })
	l.Log.Error("not started", "error", h.err.Error())
	l.settle(h.err)
	return l.waiting(pause)
}

// suddenly is how soon a command that puts itself into the background has exited.
const suddenly = 5 * time.Second

// startPause is the wait after a start that failed, doubled with each further one.
const startPause = time.Second

func (l *loop) waiting(delay time.Duration) phase {
	l.Log.Info("waiting", "for", delay.String())
	l.set(func(st *Status) { st.State, st.Next = Waiting, new(time.Now().Add(delay)) })
	l.timer.Reset(delay)
	return waiting
}

// abort ends a start that is under way.
func (l *loop) abort(h happening) phase {
	l.aim(h.request)
	l.cancel()
	l.timer.Reset(abortLimit)
	return aborting
}

// undo is for a start that was quicker than its abort.
func (l *loop) undo(h happening) phase {
	l.timer.Stop()
	l.child = h.child
	if l.goal == left {
		return l.part(h)
	}
	l.reason = "stopped on request"
	return l.stopping(false)
}

// finish ends without a child.
func (l *loop) finish(h happening) phase {
	switch l.phase {
	case waiting:
		l.aim(h.request)
	case aborting:
		l.Log.Info("start aborted")
	}
	if l.goal == left {
		return l.ended(Left)
	}
	return l.ended(Stopped)
}

// ended is the end, with the record removed.
func (l *loop) ended(outcome Outcome) phase {
	l.outcome, l.err = outcome, errors.Join(l.err, l.roomy(l.Command.Forget))
	return l.sweep()
}

// aim sets the goal that a request has.
func (l *loop) aim(r Request) {
	switch r.Kind {
	case Stop:
		if l.goal != stopped {
			l.Ending()
		}
		l.goal = stopped
	case Leave:
		if l.goal != stopped {
			l.goal = left
		}
	case Restart:
		l.goal = max(l.goal, anew)
		l.restart(r)
	}
}

// note has the child that is being started followed by another one.
func (l *loop) note(h happening) phase {
	l.aim(h.request)
	return l.phase
}

func (l *loop) refuse(h happening) phase {
	h.request.answer(errEnding)
	return l.phase
}

// halt stops the child.
func (l *loop) halt(h happening) phase {
	l.goal, l.reason = again, ""
	switch h.event {
	case toStop:
		l.reason = "stopped on request"
		l.aim(h.request)
	case sick:
		l.reason = "unhealthy: " + h.why
		l.Log.Warn("unhealthy", "pid", l.child.PID(), "error", h.why)
	}
	return l.stopping(false)
}

// renew stops the child, if another one could be started.
func (l *loop) renew(h happening) phase {
	l.goal, l.reason = again, "restarted on request"
	l.aim(h.request)
	return l.stopping(true)
}

// part lets the child run on.
func (l *loop) part(happening) phase {
	l.Log.Info("left", "pid", l.child.PID())
	l.child.Close()
	l.outcome = Left
	return done
}

func (l *loop) pass(h happening) phase {
	if err := l.child.Signal(h.request.Signal); err != nil {
		l.Log.Warn("signal not forwarded", "pid", l.child.PID(), "signal", h.request.Signal.String(), "error", err.Error())
	}
	return running
}

// turn takes a request during a stop. A second Stop hastens to KILL, once there is something to hasten: timeout(1), for
// one, sends its TERM twice in a row.
func (l *loop) turn(h happening) phase {
	switch ends := l.goal == stopped; {
	case h.event == toRestart && l.goal > anew:
		h.request.answer(errEnding)
	case h.event == toStop && ends && !l.halting.hastened && l.halting.begun.Load():
		l.halting.hastened = true
		close(l.halting.hasten)
		l.Log.Warn("skipping to KILL", "pid", l.child.PID())
	default:
		l.aim(h.request)
	}
	return stopping
}

// keep goes on with a child that was not stopped.
func (l *loop) keep(h happening) phase {
	switch {
	case h.event == survived && (l.goal == stopped || l.other): // the answers are Run's
		l.err = h.err
		return done
	case h.event == survived && h.over:
		l.Log.Warn("what it left of its group is not stopped", "pid", l.child.PID(), "error", h.err.Error())
		return l.next(h)
	case l.goal == stopped:
		return l.stopping(false)
	}
	l.Log.Error("not stopped", "pid", l.child.PID(), "error", h.err.Error())
	l.set(func(st *Status) { st.State = Running })
	l.settle(h.err)
	if l.goal == left { // asked for meanwhile
		return l.part(h)
	}
	return running
}

// next follows the end of a child and of its scope.
func (l *loop) next(h happening) phase {
	child, end := l.child, h.end
	l.uncheck()
	l.uncheck = func() {}
	defer func() { child.Close() }()
	l.child = nil
	if l.other && l.goal <= anew {
		return l.starting(false)
	}
	after := end.At.Sub(child.Began())
	l.set(func(st *Status) { st.LastExit, st.Child, st.Started = end.String(), 0, nil })
	l.Log.Info("exited", "pid", child.PID(), "how", end.String(), "after", after.Round(time.Millisecond).String())
	end.Reason = l.reason
	l.hint(child, end, after)
	if l.Strict && l.goal == again && !l.wasReady {
		l.err = &EndedError{end, child.PID()}
		return l.ended(Finished)
	}
	switch l.goal {
	case stopped:
		return l.ended(Stopped)
	case left:
		return l.ended(Left)
	case anew:
		return l.starting(false)
	}
	return l.rest(end, after)
}

// hint says once what to do about a command that puts itself into the background.
func (l *loop) hint(child Child, end End, ran time.Duration) {
	if l.hinted || end.Reason != "" || end.Signal != 0 || end.Code != 0 || ran > suddenly {
		return
	}
	if pid := child.Astray(); pid != 0 {
		l.hinted = true
		l.Log.Warn("it exited with 0 at once and seems to have put itself into the background: "+l.Advice, "pid", child.PID(), "background", pid)
	}
}

// rest waits for the back-off that follows an end, or ends with it.
func (l *loop) rest(end End, ran time.Duration) phase {
	if l.Backoff.IsFinal(end) {
		return l.final(end)
	}
	delay, err := l.Backoff.Next(time.Now(), ran)
	switch {
	case err != nil && l.Backoff.Limit.Restarts == 0:
		return l.final(end)
	case err != nil:
		l.err = fmt.Errorf("%w (last: %v)", err, end)
		return l.ended(Finished)
	case delay == 0:
		return l.starting(false)
	}
	return l.waiting(delay)
}

// final is an end that no restart follows.
func (l *loop) final(end End) phase {
	l.Log.Info("not restarted", "how", end.String())
	if end.Code != 0 || end.Signal != 0 || end.Reason != "" {
		l.err = &EndedError{End: end}
	}
	return l.ended(Finished)
}

// begin starts the next run, which is due or asked for.
func (l *loop) begin(h happening) phase {
	if h.event == toRestart {
		l.restart(h.request)
	}
	return l.starting(false)
}
