package supervise

import (
	"fmt"
	"time"
)

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
		return given, fmt.Errorf("%w (last: %v)", err, end)
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

// restart notes a restart that somebody asked for. It is no failure, and its start is due at once.
func (s *Supervisor) restart(r Request) {
	s.restarts = append(s.restarts, r)
	s.Backoff.Reset()
}

// settle answers those who asked for a restart.
func (s *Supervisor) settle(err error) {
	for _, r := range s.restarts {
		r.answer(err)
	}
	s.restarts = nil
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

func (s *Supervisor) set(change func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.status)
	close(s.changed)
	s.changed = make(chan struct{})
}

// settled waits, up to a limit, for as long as the state is one that passes by itself at once.
func (s *Supervisor) settled(limit time.Duration) Status {
	late := time.After(limit)
	for {
		s.mu.Lock()
		starting, changed := s.status.State == Starting, s.changed
		s.mu.Unlock()
		if !starting {
			return s.Status()
		}
		select {
		case <-changed:
		case <-s.over:
			return s.Status()
		case <-late:
			return s.Status()
		}
	}
}

// Status is what the supervisor is doing right now.
func (s *Supervisor) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.status
	if st.Started != nil {
		st.Uptime = time.Since(*st.Started).Seconds()
	}
	if st.Next != nil {
		st.NextIn = max(0, time.Until(*st.Next).Seconds())
	}
	return st
}
