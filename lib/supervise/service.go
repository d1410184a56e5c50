package supervise

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

// Service is a command and the pidfile of its runs: the Commander of real processes. The child leads a session of its
// own, so that nothing that happens to the supervisor's group or terminal reaches it.
type Service struct {
	PidFile     string
	Rules       pidfile.Rules
	Mode        fs.FileMode
	Fingerprint Fingerprint
	// Prepare is called before each start: it finds the program and opens its logs, anew each time, so that neither an
	// upgrade nor a rotation is missed. The second result lets go of what was opened.
	Prepare func() (spawn.Command, func(), error)
	Orphans *Orphans
	Log     *slog.Logger

	self proc.Identity
	last int // the child last recorded
}

func (s *Service) know() error {
	if s.self.PID != 0 {
		return nil
	}
	h, err := proc.Self()
	if err != nil {
		return err
	}
	defer h.Close()
	s.self, err = h.Identity()
	return err
}

// Start records the child while it is held, and only then lets it run: a supervisor that dies at any moment takes an
// unrecorded child with it.
func (s *Service) Start() (Child, error) {
	if err := s.know(); err != nil {
		return nil, err
	}
	cmd, done, err := s.Prepare()
	if err != nil {
		return nil, err
	}
	defer done()
	rules := s.Rules
	if cmd.User != nil {
		rules = rules.Trusting(cmd.User.UID)
	}
	place, err := pidfile.Reserve(context.Background(), s.PidFile, rules, s.Mode, 0)
	if held := (*pidfile.HeldError)(nil); errors.As(err, &held) {
		held.Holder.Close()
		return nil, &OccupiedError{s.PidFile, held.Holder.PID, "which this supervisor did not start"}
	}
	if doubt := (*pidfile.DoubtError)(nil); errors.As(err, &doubt) {
		defer doubt.Holder.Close()
	}
	if err != nil {
		return nil, err
	}
	defer place.Close()
	p, err := s.hold(cmd)
	if err != nil {
		return nil, err
	}
	var id proc.Identity
	place.Attach = func(fd int, child proc.Identity) error {
		id = child
		return attachRecord(fd, s.PidFile, newRecord(child, s.self, s.Fingerprint))
	}
	var began time.Time
	if err = place.Write(p.Handle()); err != nil {
		err = errors.Join(err, p.Abort())
		_ = forgetRecord(s.PidFile)
	} else {
		s.last = p.PID()
		began = time.Now() // no later than its first action: a run never seems shorter than it was
		err = p.Release()
		place.Close() // it is on record, and an exec takes as long as its disk does
		if err == nil {
			err = p.Executed()
		}
	}
	if err != nil {
		s.Orphans.died(p.PID())
		p.Close()
		return nil, err
	}
	return started(p, id, began, s), nil
}

func (s *Service) hold(cmd spawn.Command) (p *spawn.Process, err error) {
	err = s.Orphans.birth(func() (int, error) {
		if p, err = spawn.Start(cmd, true); err != nil {
			return 0, err
		}
		return p.PID(), nil
	})
	return p, err
}

// Forget removes the pidfile, if it still names the last child and that has ended.
func (s *Service) Forget() error {
	holder, err := pidfile.Read(s.PidFile, s.Rules)
	if err != nil {
		return err
	}
	defer holder.Close()
	if holder.State != pidfile.Stale || holder.PID != s.last {
		return nil
	}
	if err := pidfile.Release(context.Background(), holder); err != nil && !errors.Is(err, pidfile.ErrChanged) {
		return err
	}
	return forgetRecord(s.PidFile)
}
