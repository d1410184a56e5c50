package supervise

import (
	"context"
	"fmt"
	"syscall"

	"pidbox/lib/child"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
)

// StopAll stops the supervisor that pidFile names, which stops its child, and then what it left where it was killed: the
// child that childFile names, by the schedule, with its group. nil says that both are gone and their pidfiles too. A
// child that no supervisor started is an *OccupiedError, and is not signalled.
func StopAll(pidFile, childFile string, rules pidfile.Rules, schedule signals.Schedule) error {
	ctx := context.Background()
	h, err := pidfile.Read(pidFile, rules)
	if err != nil {
		return err
	}
	defer h.Close()
	switch live, err := h.Live(); {
	case err != nil:
		return err
	case live != nil:
		if err := stopOwn(ctx, pidFile, live); err != nil {
			return err
		}
	}
	if err := stopLeft(ctx, childFile, rules, schedule); err != nil {
		return err
	}
	if h, err = pidfile.Read(pidFile, rules); err != nil {
		return err
	}
	defer h.Close()
	if h.State != pidfile.Stale {
		return nil
	}
	return pidfile.Release(ctx, h)
}

// stopOwn asks a supervisor to stop, and waits for that however long its schedule is.
func stopOwn(ctx context.Context, pidFile string, p *proc.Handle) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("%s: %w", pidFile, err)
	}
	return p.Wait(ctx)
}

// stopLeft stops the child of a supervisor that is gone.
func stopLeft(ctx context.Context, childFile string, rules pidfile.Rules, schedule signals.Schedule) error {
	s := &Service{PidFile: childFile, Rules: rules, scope: proc.Group}
	if err := s.know(); err != nil {
		return err
	}
	var r record
	c, err := child.Adopt(ctx, s.adoption(&r))
	if err != nil {
		return err
	}
	if c != nil {
		defer c.Close()
		if err := c.Stop(ctx, schedule, func(signals.Step) {}); err != nil {
			return fmt.Errorf("%s: %w", childFile, err)
		}
		return c.Release(ctx)
	}
	h, err := pidfile.Read(childFile, rules)
	if err != nil {
		return err
	}
	defer h.Close()
	if h.State == pidfile.Stale {
		return pidfile.Release(ctx, h)
	}
	return nil
}
