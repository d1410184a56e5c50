package supervise

import (
	"context"
	"fmt"
	"os"
	"syscall"

	"pidbox/lib/child"
	"pidbox/lib/journal"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
)

// StopAll stops the supervisor that pidFile names, which stops its child, and then what it left where it was killed: the
// child that its pidfile names, as it would have stopped it. nil says that both are gone and their pidfiles too. A
// child that no supervisor started is an *OccupiedError, and is not signalled.
func StopAll(c Config) error {
	ctx := context.Background()
	h, err := pidfile.Read(c.PIDFile, c.Rules)
	if err != nil {
		return err
	}
	defer h.Close()
	switch live, err := h.Live(); {
	case err != nil:
		return err
	case live != nil:
		if err := stopOwn(ctx, c.PIDFile, live); err != nil {
			return err
		}
	}
	if err := stopLeft(ctx, c); err != nil {
		return err
	}
	return releaseStale(ctx, c.PIDFile, c.Rules)
}

func releaseStale(ctx context.Context, file string, rules pidfile.Rules) error {
	h, err := pidfile.Read(file, rules)
	if err != nil {
		return err
	}
	defer h.Close()
	if h.State != pidfile.Stale {
		return nil
	}
	return pidfile.Release(ctx, h)
}

// stopOwn asks a supervisor to stop, also one that was suspended, and waits for that however long its schedule is.
func stopOwn(ctx context.Context, pidFile string, p *proc.Handle) error {
	err := p.Signal(syscall.SIGTERM)
	if err == nil {
		err = p.Resume()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", pidFile, err)
	}
	return p.Wait(ctx)
}

// stopLeft stops the child of a supervisor that is gone.
func stopLeft(ctx context.Context, c Config) error {
	s := &Service{PidFile: c.ChildPIDFile, Rules: c.Rules, scope: c.Scope, cgroup: c.Cgroup, stopBy: c.StopBy, Log: journal.Discard()}
	s.program.command.Env = os.Environ()
	if err := s.know(); err != nil {
		return err
	}
	var r record
	found, err := child.Adopt(ctx, s.adoption(&r))
	switch {
	case err != nil:
		return err
	case found == nil:
		return releaseStale(ctx, c.ChildPIDFile, c.Rules)
	}
	p := &process{Child: found, of: s}
	defer p.Close()
	if err := p.Stop(c.Schedule, func() {}, nil); err != nil {
		return fmt.Errorf("%s: %w", c.ChildPIDFile, err)
	}
	return p.Release(ctx)
}
