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

// keep supervises until the end.
func (o *keepAliveOptions) keep(c *applet.Call) error {
	log, reopen, err := o.logger(c)
	if err != nil {
		return err
	}
	service, err := o.service(c, log)
	if err != nil {
		return err
	}
	check, err := o.checkHealth()
	if err != nil {
		return err
	}
	if o.rotates() {
		pipes, err := supervise.OpenPipes(o.output, o.rotation)
		if err != nil {
			return err
		}
		defer pipes.Close()
		service.Pipes = pipes
		reopenLog := reopen
		reopen = func() { reopenLog(); _ = pipes.Reopen() }
	}
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
	if os.Getpid() == 1 {
		service.Orphans = supervise.Reap()
	}
	s := supervise.New(&supervise.Supervisor{Command: service, Backoff: supervise.Backoff{Policy: o.policy}, Schedule: o.schedule, Log: log})
	s.Health = o.watch(check, service.Orphans)
	s.Ready, s.Ending = o.notices(log)
	defer s.Route(o.means, reopen)()
	unlisten, err := s.Listen(o.pidFile)
	if err != nil {
		log.Warn("--status and --restart will not work", "error", err.Error())
		unlisten = func() {}
	}
	outcome, err := s.Run()
	unlisten() // before the pidfile goes: the next supervisor makes its own
	if errors.Is(err, stop.ErrSurvived) {
		return err
	}
	log.Debug("ending", "left", outcome == supervise.Left)
	return errors.Join(err, o.release())
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
