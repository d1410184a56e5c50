package supervise

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"pidbox/lib/child"
	"pidbox/lib/health"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/resolve"
	"pidbox/lib/signals"
	"pidbox/lib/stop"
)

// Config is all that a supervisor of real processes is asked for.
type Config struct {
	PIDFile      string // of the supervisor itself
	ChildPIDFile string
	Rules        pidfile.Rules // of both
	Mode         fs.FileMode
	Command      Command
	Policy       Policy
	Schedule     signals.Schedule
	Check        health.Check // nil for none
	Shared       bool         // others than the child may pass it
	Health       Health       // how often; its Check is the one above
	Signals      Signals
	Log          Log
	Notify       bool // tell the service manager, at NOTIFY_SOCKET, that it is ready, and that it ends
}

// New makes the supervisor, not yet at work. It fails where the command cannot be found or the log not be opened. As
// PID 1 it collects orphans from now on.
func New(c Config) (*Supervisor, error) {
	log, err := c.Log.open(c.Rules.AllowInsecure)
	if err != nil {
		return nil, err
	}
	service, err := newService(c, log)
	if err != nil {
		return nil, err
	}
	if os.Getpid() == 1 {
		service.Orphans = child.CollectOrphans()
	}
	s := newSupervisor(service, c.Policy, c.Schedule, log.Logger)
	s.logFile = log.file
	if c.Check != nil {
		h := c.Health
		h.Check = guarded{c.Check, service}.check
		s.Health = &h
	}
	if socket := os.Getenv("NOTIFY_SOCKET"); c.Notify && socket != "" {
		n := notices{socket, log.Logger}
		s.Ready, s.Ending = n.ready, n.ending
	}
	return s, nil
}

// guarded is a check that may start processes, which nobody else is to collect.
type guarded struct {
	of      health.Check
	service *Service
}

func (g guarded) check(ctx context.Context) error {
	of := health.Like(g.of, g.service.program.command)
	if c := g.service.last; c != nil && !g.service.Shared {
		of = health.Owned(of, health.Owner{Leader: c.Identity().PID, Members: c.Members})
	}
	return g.service.Orphans.Guard(func() error { return of.Check(ctx) })
}

// Keep supervises until the end, with a pidfile of its own. Signals are requests from before the claim on: whoever
// finds the pidfile may send one. It stays where a child survived its stop.
func Keep(c Config) error {
	s, err := New(c)
	if err != nil {
		return err
	}
	defer s.Route(c.Signals)()
	self, err := proc.Self()
	if err != nil {
		return err
	}
	defer self.Close()
	claim, err := pidfile.Claim(context.Background(), c.PIDFile, self, c.Rules, c.Mode, 0)
	if err != nil {
		return err
	}
	claim.Close()
	unlisten, err := s.Listen(c.PIDFile, resolve.Policy{Insecure: c.Rules.AllowInsecure, Trust: c.Rules.Trust})
	if err != nil {
		s.Log.Warn("no requests can be taken", "error", err.Error())
		unlisten = func() {}
	}
	outcome, err := s.Run()
	unlisten() // before the pidfile goes: the next supervisor makes its own
	if errors.Is(err, stop.ErrSurvived) {
		return err
	}
	s.Log.Debug("ending", "left", outcome == Left)
	return errors.Join(err, pidfile.ReleaseIfOurs(context.Background(), c.PIDFile, c.Rules, os.Getpid()))
}
