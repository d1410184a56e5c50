package supervise

import (
	"context"
	"errors"
	"fmt"

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
// supervisor's child is never adopted and never signalled.
func (s *Service) Adopt() (Child, error) {
	for {
		holder, _, err := s.find()
		if err != nil || holder == nil {
			return nil, err
		}
		var r record
		err = pidfile.Locked(context.Background(), holder, func() (err error) {
			if r, err = s.proven(holder); err != nil {
				return err
			}
			r.supervisor = s.self
			return saveRecord(s.PidFile, r)
		})
		if err == nil {
			return s.take(adopted(holder, r.child, s.Log), r)
		}
		holder.Close()
		if !errors.Is(err, pidfile.ErrChanged) && !errors.Is(err, proc.ErrNotFound) { // else it has just ended
			return nil, err
		}
	}
}

// take decides what becomes of the child. One is not stopped for a command that cannot be started.
func (s *Service) take(c *child, r record) (Child, error) {
	s.last = c.PID()
	if s.same(r) {
		return c, nil
	}
	_, done, err := s.Prepare()
	if err != nil {
		c.Close()
		return nil, err
	}
	done()
	return c, ErrOther
}

// Foresee tells which process Adopt would find, 0 if none, and whether it runs the same command.
func (s *Service) Foresee() (pid int, same bool, err error) {
	holder, r, err := s.find()
	if err != nil || holder == nil {
		return 0, false, err
	}
	defer holder.Close()
	return holder.PID, s.same(r), nil
}

func (s *Service) same(r record) bool { return r.runs(s.Fingerprint) }

// find returns the live child of an earlier supervisor and its record; nil if there is none.
func (s *Service) find() (*pidfile.Holder, record, error) {
	if err := s.know(); err != nil {
		return nil, record{}, err
	}
	holder, err := pidfile.Read(s.PidFile, s.Rules)
	var garbage *pidfile.GarbageError
	switch {
	case errors.As(err, &garbage):
		return nil, record{}, nil // Start claims over it, or says why not
	case err != nil:
		return nil, record{}, err
	case holder.State != pidfile.Running && holder.State != pidfile.Doubtful:
		holder.Close()
		return nil, record{}, nil
	}
	r, err := s.proven(holder)
	if err == nil {
		return holder, r, nil
	}
	holder.Close()
	if errors.Is(err, proc.ErrNotFound) { // it has just ended
		err = nil
	}
	return nil, record{}, err
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
	r, err := loadRecord(s.PidFile)
	switch {
	case err == nil && r.child.Compare(now) == proc.Same:
		if by, alive := supervised(r.supervisor, s.self); alive {
			occupied.Reason = fmt.Sprintf("which process %d supervises", by)
			return record{}, occupied
		}
		return r, nil
	case h.State == pidfile.Doubtful:
		return record{}, &pidfile.DoubtError{Holder: h}
	}
	occupied.Reason = "which no supervisor started"
	if err == nil && r.child.PID == now.PID && r.child.Compare(now) == proc.Unknown {
		occupied.Reason = "and whether a supervisor started it cannot be told without /proc"
	}
	return record{}, occupied
}

func supervised(by, self proc.Identity) (int, bool) {
	if by.Compare(self) == proc.Same {
		return 0, false
	}
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
