package supervise

import (
	"cmp"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// verdict is what follows a watch or a wait.
type verdict int

const (
	crashed verdict = iota // start again by the policy
	asked                  // start again at once
	stopped                // end; no child is left
	left                   // end; the child, if there is one, runs on
	given                  // end; the policy forbids another start
)

// Run supervises until it is asked to end, gives up (ErrGaveUp), or cannot stop the child. It leaves neither child
// nor record behind, except for Left and for a child that survived its stop. That the very first start fails is a
// mistake of the caller's and an error at once; later failures are crashes.
func (s *Supervisor) Run() (outcome Outcome, err error) {
	defer close(s.over)
	defer func() { s.settle(cmp.Or(err, errEnding)) }()
	child, v, err := s.adopt()
	for first := true; err == nil && v <= asked; first = false {
		if !first {
			s.set(func(st *Status) { st.State, st.Next = Starting, nil; st.Restarts++ })
		}
		var end End
		ran := time.Duration(-1) // a start that fails is no run, be --healthy-after 0
		if child == nil {
			child, err = s.Command.Start()
		}
		switch {
		case err != nil && first:
			return Stopped, errors.Join(err, s.Command.Forget())
		case err != nil:
			v, end = crashed, End{Code: -1, Reason: "not started: " + err.Error()}
			s.set(func(st *Status) { st.LastExit = end.Reason })
			s.Log.Error("not started", "error", err.Error())
			s.settle(err)
		default:
			if !child.Adopted() {
				s.Log.Info("started", "pid", child.PID())
			}
			if v, end, err = s.watch(child); err != nil {
				return Stopped, err
			}
			child.Close()
			if v == left && !over(child) {
				return Left, nil
			}
			ran = end.At.Sub(child.Began())
			child = nil
		}
		if v == crashed {
			v, err = s.rest(end, ran)
		}
	}
	if err != nil && v != given {
		return Stopped, err
	}
	return map[verdict]Outcome{stopped: Stopped, left: Left, given: Finished}[v], errors.Join(err, s.Command.Forget())
}

// adopt returns a running child of an earlier supervisor, or nil. One that runs another command is stopped.
func (s *Supervisor) adopt() (Child, verdict, error) {
	child, err := s.Command.Adopt()
	if errors.Is(err, ErrOther) {
		s.Log.Info("stopping the child of another command", "pid", child.PID())
		v, err := s.halt(child, crashed)
		child.Close()
		return nil, v, err
	}
	if child != nil {
		s.Log.Info("adopted", "pid", child.PID())
	}
	return child, crashed, err
}

// watch waits for the child's end and for whatever else there is to do.
func (s *Supervisor) watch(child Child) (verdict, End, error) {
	s.set(func(st *Status) {
		*st = Status{
			State: Running, Restarts: st.Restarts, LastExit: st.LastExit,
			Child: child.PID(), Adopted: child.Adopted(), Started: new(child.Began()),
		}
	})
	s.settle(nil)
	checks, done := s.check(child)
	defer done()
	for {
		v, reason := crashed, ""
		select {
		case <-child.Done():
		case c := <-checks:
			why := s.judge(child, c)
			if why == nil {
				continue
			}
			s.Log.Warn("unhealthy", "pid", child.PID(), "error", why.Error())
			reason = "unhealthy: " + why.Error()
		case r := <-s.requests:
			switch r.Kind {
			case Forward:
				s.forward(child, r)
				continue
			case Leave:
				s.Log.Info("left", "pid", child.PID())
				return left, End{}, nil
			case Stop:
				v, reason = stopped, "stopped on request"
				s.Ending()
			case Restart:
				v, reason = asked, "restarted on request"
				s.restart(r)
			}
		}
		s.set(func(st *Status) { st.State = Stopping })
		v, err := s.halt(child, v) // also after its end: members of its group may hold its port
		if err != nil && (v == stopped || !over(child)) {
			if v == stopped {
				return v, End{}, err // the answers are Run's
			}
			s.Log.Error("not stopped", "pid", child.PID(), "error", err.Error())
			s.set(func(st *Status) { st.State = Running })
			s.settle(err)
			if v == left { // asked for meanwhile
				return v, End{}, nil
			}
			continue
		}
		if err != nil {
			s.Log.Warn("what it left of its group is not stopped", "pid", child.PID(), "error", err.Error())
		}
		end := child.End()
		s.ended(child, end)
		end.Reason = reason
		return v, end, nil
	}
}

// halt stops the child's group and goes on taking requests: a stop asked for meanwhile becomes the verdict, and any
// after that hastens, once there is something to hasten: timeout(1), for one, sends its TERM twice in a row.
func (s *Supervisor) halt(child Child, v verdict) (verdict, error) {
	hasten, gone := make(chan struct{}), make(chan error, 1)
	var begun atomic.Bool
	go func() { gone <- child.Stop(s.Schedule, func() { begun.Store(true) }, hasten) }()
	for hastened := false; ; {
		select {
		case err := <-gone:
			if err != nil {
				err = fmt.Errorf("process %d: %w", child.PID(), err)
			}
			return v, err
		case r := <-s.requests:
			switch {
			case r.Kind == Restart && v <= asked:
				s.restart(r)
				v = asked
			case r.Kind == Restart:
				r.answer(errEnding)
			case r.Kind == Leave && v != stopped:
				v = left
			case r.Kind == Stop && v != stopped:
				v = stopped
				s.Ending()
			case r.Kind == Stop && !hastened && begun.Load():
				hastened = true
				s.Log.Warn("hastening to KILL", "pid", child.PID())
				close(hasten)
			}
		}
	}
}

// rest waits for the back-off that follows an end. given and nil is an end that the policy takes as a good one.
func (s *Supervisor) rest(end End, ran time.Duration) (verdict, error) {
	if s.Backoff.IsFinal(end) {
		s.Log.Info("not restarted", "how", end.String())
		if end.Code == 0 {
			return given, nil
		}
		return given, fmt.Errorf("%w: %v is final", ErrGaveUp, end)
	}
	delay, err := s.Backoff.Next(time.Now(), ran)
	if err != nil {
		s.Log.Error("gave up", "error", err.Error(), "last", end.String())
		return given, fmt.Errorf("%w; the last: %v", err, end)
	}
	if delay == 0 { // starts that fail one after another would never come to a request
		select {
		case r := <-s.requests:
			return s.meanwhile(r), nil
		default:
			return crashed, nil
		}
	}
	s.Log.Info("waiting", "for", delay.String())
	s.set(func(st *Status) { st.State, st.Next = Waiting, new(time.Now().Add(delay)) })
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return crashed, nil
		case r := <-s.requests:
			if v := s.meanwhile(r); v != crashed {
				return v, nil
			}
		}
	}
}

// meanwhile takes a request while there is no child.
func (s *Supervisor) meanwhile(r Request) verdict {
	switch r.Kind {
	case Stop:
		s.Ending()
		return stopped
	case Leave:
		return left
	case Restart:
		s.restart(r)
		return asked
	}
	return crashed
}

func (s *Supervisor) forward(child Child, r Request) {
	if err := child.Signal(r.Signal); err != nil {
		s.Log.Warn("signal not forwarded", "pid", child.PID(), "signal", r.Signal.String(), "error", err.Error())
	}
}

func (s *Supervisor) ended(child Child, end End) {
	s.set(func(st *Status) { st.LastExit, st.Child, st.Started = end.String(), 0, nil })
	after := end.At.Sub(child.Began()).Round(time.Millisecond)
	s.Log.Info("exited", "pid", child.PID(), "how", end.String(), "after", after.String())
}

func over(child Child) bool {
	select {
	case <-child.Done():
		return true
	default:
		return false
	}
}
