package supervise

import (
	"context"
	"errors"
	"io/fs"
	"sync/atomic"
	"time"

	"pidbox/lib/child"
	"pidbox/lib/health"
	"pidbox/lib/journal"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/ready"
	"pidbox/lib/sockets"
	"pidbox/lib/spawn"
)

// Service is a command and the pidfile of its runs: the Commander of real processes. Each leads a session of its own,
// so that nothing that happens to the supervisor's group or terminal reaches it, and is ended with its scope.
type Service struct {
	PidFile     string
	Rules       pidfile.Rules
	Mode        fs.FileMode
	Fingerprint Fingerprint
	Orphans     *child.Orphans
	Log         *journal.Logger
	Check       health.Check // passed by others than the child before it runs it means nothing; nil for none
	Shared      bool         // that is as it may be

	program program
	scope   proc.Scope
	cgroup  bool
	stopBy  child.Line
	follow  string // the command's own pidfile; "": none
	want    ready.Want
	self    proc.Identity
	last    *child.Child      // the one last on record
	env     []string          // of the last that was started: with its NOTIFY_SOCKET
	sockets []*sockets.Socket // of the program's addresses; nil for one that is not open
}

func newService(c Config, log logger) (*Service, error) {
	p, print, err := c.Command.program(c.Notify, c.Rules.AllowInsecure)
	if err != nil {
		return nil, err
	}
	return &Service{
		PidFile: c.ChildPIDFile, Rules: c.Rules, Mode: c.Mode, Fingerprint: print, Log: log.Logger, program: p,
		Check: c.Check, Shared: c.Shared, scope: c.Scope, cgroup: c.Cgroup, stopBy: c.StopBy, follow: c.Follow, want: c.Ready,
	}, nil
}

// like is what runs for a child: with its rights, in its environment, from where its words are meant, though the supervisor
// has left that.
func (s *Service) like() spawn.Command {
	like := s.program.command
	like.Dir = s.program.cwd
	if s.env != nil {
		like.Env = s.env
	}
	return like
}

// wants says that a child has something to show before it is ready.
func (s *Service) wants() bool { return s.want.Shown() || s.want.MinUptime > 0 }

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

// spec is how a run is kept: with a record of its command and of its supervisor beside that of who it is.
func (s *Service) spec() child.Spec {
	return child.Spec{
		Session: true, Scope: s.scope, Cgroup: s.cgroup, OOM: true, Lasting: true, Instead: s.instead,
		PIDFile: s.PidFile, Rules: s.Rules, Mode: s.Mode,
		Attach: func(fd int, id proc.Identity) error {
			r := newRecord(id, s.self, s.Fingerprint)
			r.sockets = s.open().String()
			return s.beside().attach(fd, r)
		},
		Forget:  func() error { return s.beside().forget() },
		Orphans: s.Orphans,
	}
}

// instead says what a child has that is to have a control group.
func (s *Service) instead(what string, why error) {
	s.Log.Warn("no control group", "instead", what, "error", why.Error())
}

func (s *Service) unclaimed() error {
	if s.Check == nil || s.Shared || !health.Addressed(s.Check) {
		return nil
	}
	return s.Orphans.Guard(func() error { return health.Unclaimed(context.Background(), []health.Check{s.Check}) })
}

// Prepare finds the program and opens its logs, as a start would.
func (s *Service) Prepare() error {
	_, _, done, err := s.program.ready()
	if err == nil {
		done()
	}
	return err
}

// Start starts the command. A supervisor that dies at any moment takes a child that is not on record with it.
func (s *Service) Start(ctx context.Context) (started Child, err error) {
	if err := s.know(); err != nil {
		return nil, err
	}
	cmd, print, done, err := s.program.ready()
	if err != nil {
		return nil, err
	}
	defer done()
	s.Fingerprint = print
	var course *ready.Course
	if s.wants() {
		if course, err = s.want.Open(&cmd); err != nil {
			return nil, err
		}
		defer func() {
			if started == nil {
				course.Close()
			}
		}()
	}
	if err := s.listen(); err != nil {
		return nil, err
	}
	append(s.program.of.Given, s.open()...).Pass(&cmd)
	spec := s.spec()
	if cmd.User != nil {
		spec.Rules = spec.Rules.Trusting(cmd.User.UID)
	}
	var near atomic.Bool
	spec.Held = func() error {
		err := s.unclaimed()
		near.Store(err == nil)
		return err
	}
	ctx, over := patient(ctx, &near)
	defer over()
	c, err := child.Start(ctx, cmd, spec)
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
	s.last, s.env = c, cmd.Env
	if course != nil {
		course.Watch(c, c.Began())
	}
	return &process{c, s, course}, nil
}

// nearLimit is how long a start that is about to run the command, or just did, may go on once it is to be aborted.
const nearLimit = 200 * time.Millisecond

// patient is a context that ends with ctx, but nearLimit later once near holds: a command that runs by then is stopped by
// its schedule or left, and not killed because a request came between its exec and the news of it.
func patient(ctx context.Context, near *atomic.Bool) (context.Context, func()) {
	inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() {
		if near.Load() {
			select {
			case <-inner.Done():
			case <-time.After(nearLimit):
			}
		}
		cancel(context.Cause(ctx))
	})
	return inner, func() { forget(); cancel(nil) }
}

// Forget removes the pidfile, if it still names the last child and that has ended.
func (s *Service) Forget() error {
	if s.last == nil {
		return nil
	}
	return s.last.Release(context.Background())
}
