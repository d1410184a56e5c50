package supervise

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"pidbox/lib/child"
	"pidbox/lib/health"
	"pidbox/lib/journal"
	"pidbox/lib/notify"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/ready"
	"pidbox/lib/resolve"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
	"pidbox/lib/stop"
)

// spareThreads is how many threads a stop and a start want at once at the most.
const spareThreads = 11

// Config is all that a supervisor of real processes is asked for.
type Config struct {
	PIDFile      string        // of the supervisor itself; "": none, and then it takes no requests but signals
	ChildPIDFile string        // "": none, and then no child is ever adopted
	Wait         time.Duration // how long a live holder of PIDFile is waited for
	Scope        proc.Scope    // what is stopped with the child
	Cgroup       bool          // its control group is, where it can have one of its own
	Advice       string        // for a command that puts itself into the background, and is not followed
	Follow       string        // the pidfile of a command that puts itself into the background, or hands over; "": none
	Ready        ready.Want    // what the child shows; if that is anything, the first one is to come to it
	Rules        pidfile.Rules // of both
	Mode         fs.FileMode
	Command      Command
	Policy       Policy
	Schedule     signals.Schedule
	StopBy       child.Line   // runs before the first signal of that; "": none
	Check        health.Check // nil for none
	Shared       bool         // others than the child may pass it
	Health       Health       // how often; its Check is the one above
	Signals      Signals
	Log          Log
	Notify       bool // tell the service manager, at NOTIFY_SOCKET, that it is ready, and that it ends
}

// supervisor makes it, not yet at work. It fails where the command cannot be found or the log not be opened. As PID 1, and
// where a child is followed, it collects orphans from now on, and else the children that it has already. close waits, for a bounded time, until what it has to say has been taken.
func (c Config) supervisor() (_ *Supervisor, close func(), err error) {
	log, err := c.Log.open(c.Rules.AllowInsecure)
	if err != nil {
		return nil, nil, err
	}
	c.Rules.Made = made(log.Logger)
	c.Command.Output.Made = c.Rules.Made
	service, err := newService(c, log)
	if err != nil {
		log.close()
		return nil, nil, err
	}
	close = log.close
	if os.Getpid() == 1 || c.Follow != "" {
		service.Orphans = child.CollectOrphans()
	} else {
		service.Orphans = child.CollectInherited()
	}
	s := newSupervisor(service, c.Policy, c.Schedule, log.Logger)
	s.reopen = log.reopen
	if os.Getpid() == 1 {
		s.Sweep = service.sweeps(c.Schedule)
	}
	s.Strict, s.Advice = service.wants(), c.Advice
	if c.Check != nil {
		h := c.Health
		h.Check = guarded{c.Check, service}.check
		s.Health = &h
	}
	if socket := os.Getenv("NOTIFY_SOCKET"); c.Notify && socket != "" {
		n := newNotices(socket, log.Logger)
		s.Ready, s.Ending, s.Beat, s.Pulse = n.ready, n.ending, n.beat, notify.Watchdog()/2
		close = func() { n.Close(); log.close() }
	}
	return s, close, nil
}

func made(log *journal.Logger) func(string) {
	return func(dir string) { log.Info("made a directory", "path", dir) }
}

// claim takes the supervisor's own pidfile. A request to end comes before that: then it is not claimed.
func (s *Supervisor) claim(c Config) (claimed bool, err error) {
	if c.PIDFile == "" {
		return true, nil
	}
	self, err := proc.Self()
	if err != nil {
		return false, err
	}
	defer self.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	over, asked := make(chan struct{}), sync.WaitGroup{}
	s.Log.Debug("claiming", "path", c.PIDFile)
	asked.Go(func() { s.endsBefore(over, cancel) })
	c.Rules.Made = made(s.Log)
	claim, err := pidfile.Claim(ctx, c.PIDFile, self, c.Rules, c.Mode, c.Wait)
	close(over)
	asked.Wait()
	if err == nil {
		claim.Close()
	}
	if ctx.Err() == nil {
		return err == nil, err
	}
	s.Log.Info("ending before the start")
	if err == nil {
		err = pidfile.ReleaseIfOurs(context.Background(), c.PIDFile, c.Rules, os.Getpid())
	} else {
		err = nil
	}
	return false, err
}

// endsBefore takes what is asked for before there is a child, until over.
func (s *Supervisor) endsBefore(over <-chan struct{}, end func()) {
	for {
		select {
		case r := <-s.requests:
			if r.answer(errEnding); r.Kind == Stop || r.Kind == Leave {
				end()
			}
		case <-over:
			return
		}
	}
}

// guarded is a check that may start processes, which nobody else is to collect.
type guarded struct {
	of      health.Check
	service *Service
}

func (g guarded) check(ctx context.Context) error {
	of := health.Like(g.of, g.service.like())
	if c := g.service.last; c != nil && !g.service.Shared {
		of = health.Owned(of, health.Owner{Leader: c.Identity().PID, Members: c.Members})
	}
	return g.service.Orphans.Guard(func() error { return of.Check(ctx) })
}

// part lets go of what outlives a child, unless that does.
func (s *Supervisor) part(outcome Outcome, err error) {
	if service, is := s.Command.(*Service); is {
		service.part(outcome != Left && !errors.Is(err, stop.ErrSurvived))
	}
}

// Keep supervises until the end, with a pidfile of its own. Signals are requests from before the claim on: whoever
// finds the pidfile may send one. It stays where a child survived its stop.
func Keep(c Config) error {
	onOneProcessor()
	spawn.HaveThreads(spareThreads)
	s, close, err := c.supervisor()
	if err != nil {
		return err
	}
	defer close()
	if err := s.reserve.hold(); err != nil {
		return fmt.Errorf("no descriptors for a stop: %w", err)
	}
	defer s.Route(c.Signals)()
	if claimed, err := s.claim(c); !claimed {
		return err
	}
	if c.Command.User == nil { // whose rights may not do to enter it again
		_ = os.Chdir("/")
	}
	if c.PIDFile == "" {
		outcome, err := s.Run()
		s.part(outcome, err)
		return err
	}
	unlisten, err := s.Listen(c.PIDFile, resolve.Policy{Insecure: c.Rules.AllowInsecure, Trust: c.Rules.Trust})
	if err != nil {
		s.Log.Warn("no requests can be taken", "error", err.Error())
		unlisten = func() {}
	}
	outcome, err := s.Run()
	s.part(outcome, err)
	unlisten() // before the pidfile goes: the next supervisor makes its own
	if errors.Is(err, stop.ErrSurvived) {
		return err
	}
	s.Log.Debug("ending", "left", outcome == Left)
	return errors.Join(err, s.roomy(func() error {
		return pidfile.ReleaseIfOurs(context.Background(), c.PIDFile, c.Rules, os.Getpid())
	}))
}
