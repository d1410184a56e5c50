package applets

import (
	"context"
	"errors"
	"os"

	"pidbox/lib/applet"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/stop"
	"pidbox/lib/supervise"
)

func (o *keepAliveOptions) run(c *applet.Call) error {
	if err := needsLinux(); err != nil {
		return err
	}
	if err := o.check(c); err != nil {
		return err
	}
	switch {
	case o.status || o.restart:
		return o.ask(c)
	case o.dryRun:
		return o.preview(c)
	case o.detach:
		return o.background(c)
	}
	return o.keep(c)
}

// keep supervises until the end. Signals are requests from before the claim on: whoever finds the pidfile may send one.
func (o *keepAliveOptions) keep(c *applet.Call) error {
	s, reopen, err := o.supervisor(c)
	if err != nil {
		return err
	}
	defer s.Route(o.means, reopen)()
	self, err := proc.Self()
	if err != nil {
		return err
	}
	defer self.Close()
	claim, err := pidfile.Claim(context.Background(), o.pidFile, self, o.rules, o.mode, 0)
	if err != nil {
		return err
	}
	claim.Close()
	unlisten, err := s.Listen(o.pidFile)
	if err != nil {
		s.Log.Warn("--status and --restart will not work", "error", err.Error())
		unlisten = func() {}
	}
	outcome, err := s.Run()
	unlisten() // before the pidfile goes: the next supervisor makes its own
	if errors.Is(err, stop.ErrSurvived) {
		return err
	}
	s.Log.Debug("ending", "left", outcome == supervise.Left)
	return errors.Join(err, o.release())
}

// supervisor is what the options ask for, not yet at work.
func (o *keepAliveOptions) supervisor(c *applet.Call) (s *supervise.Supervisor, reopen func() error, err error) {
	log, reopen, err := o.logger(c)
	if err != nil {
		return nil, nil, err
	}
	service, err := o.service(c, log)
	if err != nil {
		return nil, nil, err
	}
	check, err := o.checkHealth()
	if err != nil {
		return nil, nil, err
	}
	if os.Getpid() == 1 {
		service.Orphans = supervise.Reap()
	}
	s = supervise.New(&supervise.Supervisor{Command: service, Backoff: supervise.Backoff{Policy: o.policy}, Schedule: o.schedule, Log: log})
	s.Health = o.watch(check, service.Orphans)
	s.Ready, s.Ending = o.notices(log)
	return s, reopen, nil
}

// release removes the pidfile of keep-alive, if it still is that.
func (o *keepAliveOptions) release() error {
	h, err := pidfile.Read(o.pidFile, o.rules)
	if err != nil {
		return err
	}
	defer h.Close()
	if h.PID != os.Getpid() {
		return nil
	}
	if err := pidfile.Release(context.Background(), h); !errors.Is(err, pidfile.ErrChanged) {
		return err
	}
	return nil
}
