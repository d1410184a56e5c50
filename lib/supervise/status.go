package supervise

import (
	"time"

	"pidbox/lib/jsonline"
)

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

// Fields adds the status to an object, as pidbox-json(5) describes it.
func (st Status) Fields(o *jsonline.Object) *jsonline.Object {
	o.Field("state", string(st.State)).Some("pid", st.PID).Some("child", st.Child).Some("adopted", st.Adopted)
	o.Field("restarts", st.Restarts)
	if st.Started != nil {
		o.Field("started", *st.Started)
	}
	o.Some("uptime", st.Uptime).Some("last_exit", st.LastExit)
	if st.Next != nil {
		o.Field("next", *st.Next)
	}
	o.Some("next_in", st.NextIn)
	if st.Healthy != nil {
		o.Field("healthy", *st.Healthy)
	}
	return o
}

// statusOf is the status that was written so, by a supervisor of any version: what is missing, or of another kind, is zero.
func statusOf(fields map[string]any) (st Status) {
	number := func(name string) float64 { f, _ := fields[name].(float64); return f }
	moment := func(name string) *time.Time {
		text, _ := fields[name].(string)
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return nil
		}
		return &at
	}
	state, _ := fields["state"].(string)
	st.State = State(state)
	st.PID, st.Child, st.Restarts = int(number("pid")), int(number("child")), int(number("restarts"))
	st.Adopted, _ = fields["adopted"].(bool)
	st.Started, st.Next = moment("started"), moment("next")
	st.Uptime, st.NextIn = number("uptime"), number("next_in")
	st.LastExit, _ = fields["last_exit"].(string)
	if healthy, ok := fields["healthy"].(bool); ok {
		st.Healthy = &healthy
	}
	return st
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
