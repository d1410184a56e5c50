package supervise

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"pidbox/lib/signals"
)

// Supervisor keeps one command running by a policy. Run is called once; Ask and Status by any goroutine.
type Supervisor struct {
	Command  Commander
	Backoff  Backoff
	Schedule signals.Schedule
	Health   *Health // nil: no checks
	Log      *slog.Logger
	Ready    func() // called once, when the first child runs (and is healthy, if that is checked)
	Ending   func() // called when the stop that was asked for begins

	requests chan Request
	over     chan struct{}
	restarts []Request // answered at the next start
	ready    sync.Once
	mu       sync.Mutex
	status   Status
	changed  chan struct{} // closed at each change of status
}

// New completes a supervisor, so that it can be asked things before it runs.
func New(s *Supervisor) *Supervisor {
	s.requests, s.over, s.changed = make(chan Request), make(chan struct{}), make(chan struct{})
	s.status = Status{State: Starting}
	return s
}

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
		*st = Status{State: Running, Restarts: st.Restarts, LastExit: st.LastExit, Child: child.PID(), Adopted: child.Adopted(), Started: new(child.Began())}
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

func over(child Child) bool {
	select {
	case <-child.Done():
		return true
	default:
		return false
	}
}
