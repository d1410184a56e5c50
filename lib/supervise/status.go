package supervise

import "time"

// Status is what a supervisor tells about itself.
type Status struct {
	State    State      `json:"state"`
	PID      int        `json:"pid,omitempty"`
	Child    int        `json:"child,omitempty"`
	Adopted  bool       `json:"adopted,omitempty"`
	Restarts int        `json:"restarts"`
	Started  *time.Time `json:"started,omitempty"` // the child's start
	Uptime   float64    `json:"uptime,omitempty"`  // seconds
	LastExit string     `json:"last_exit,omitempty"`
	Next     *time.Time `json:"next,omitempty"`    // the next restart
	NextIn   float64    `json:"next_in,omitempty"` // seconds
	Healthy  *bool      `json:"healthy,omitempty"`
}

// State is what a supervisor is doing.
type State string

// The states.
const (
	Starting State = "starting"
	Running  State = "running"
	Waiting  State = "waiting" // for the back-off to pass
	Stopping State = "stopping"
)

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
