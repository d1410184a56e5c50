package supervise

import (
	"context"
	"fmt"

	"pidbox/lib/child"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
)

// OccupiedError is a child pidfile that names a live process which is not the service's to adopt or to stop.
type OccupiedError struct {
	Path   string
	PID    int
	Reason string
}

func (e *OccupiedError) Error() string {
	return fmt.Sprintf("%s: held by process %d, %s", e.Path, e.PID, e.Reason)
}

// Adopt finds the child by its identity and by the command on record, and puts itself on record as its supervisor: of
// many at once, under whatever pidfiles of their own, one does. A process that nothing proves to be an earlier
// supervisor's child is never adopted and never signalled. One is not stopped for a command that cannot be started.
func (s *Service) Adopt() (Child, error) {
	if s.PidFile == "" {
		return nil, nil
	}
	if err := s.know(); err != nil {
		return nil, err
	}
	var r record
	spec := s.adoption(&r)
	spec.Take = func() error {
		r.supervisor = s.self
		return s.beside().save(r)
	}
	c, err := child.Adopt(context.Background(), spec)
	if err != nil || c == nil {
		return nil, err
	}
	s.last = c
	if info, err := c.Handle().Info(); err == nil && info.Deleted {
		s.Log.Warn("the program of the running child was replaced or removed", "pid", c.PID(), "path", info.Exec)
	}
	s.takeBack(c, r)
	if s.same(r) {
		return &process{c, s, nil}, nil
	}
	if err := s.Prepare(); err != nil {
		c.Close()
		return nil, err
	}
	return &process{c, s, nil}, ErrOther
}

func (s *Service) same(r record) bool { return r.runs(s.Fingerprint) }

// adoption is the spec of a child of an earlier supervisor, of which r is to be the record.
func (s *Service) adoption(r *record) child.Spec {
	spec := s.spec()
	spec.Prove = func(h *pidfile.Holder) (err error) {
		*r, err = s.proven(h)
		return err
	}
	return spec
}

// proven is the record of the holder's command, if the holder is that very process and no other supervisor has it.
func (s *Service) proven(h *pidfile.Holder) (record, error) {
	now, err := h.Process.Identity()
	if err == nil {
		err = h.Process.Signal(0) // one that is another user's could be neither stopped nor started again
	}
	if err != nil {
		return record{}, err
	}
	occupied := &OccupiedError{Path: s.PidFile, PID: h.PID}
	r, err := s.beside().load()
	switch {
	case err == nil && r.child.Compare(now) == proc.Same:
		if by, alive := supervised(r.supervisor); alive {
			occupied.Reason = fmt.Sprintf("which process %d supervises", by)
			return record{}, occupied
		}
		return r, nil
	case h.State == pidfile.Doubtful:
		return record{}, &pidfile.DoubtError{Holder: h}
	}
	occupied.Reason = "which no supervisor started"
	if err == nil && r.child.PID == now.PID && r.child.Compare(now) == proc.Unknown {
		occupied.Reason = "and without /proc, cannot tell whether a supervisor started it"
	}
	return record{}, occupied
}

func supervised(by proc.Identity) (int, bool) {
	if by.Compare(proc.Here()) == proc.OtherNamespace {
		return 0, false
	}
	h, err := proc.Open(by.PID)
	if err != nil {
		return 0, false
	}
	defer h.Close()
	alive, err := h.Alive()
	now, seen := h.Identity()
	return by.PID, err == nil && alive && seen == nil && by.Compare(now) == proc.Same
}
