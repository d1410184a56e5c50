package daemon

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/stop"
)

// pass makes h the daemon, also in the pidfile.
func (s *start) pass(ctx context.Context, h *proc.Handle) error {
	before := s.main
	if s.PIDFile != "" {
		holder, err := s.own()
		if err != nil {
			return err
		}
		defer holder.Close()
		if err := pidfile.Pass(ctx, holder, h, s.Mode, s.HoldLock); err != nil {
			return fmt.Errorf("pass the pidfile on to process %d: %w", h.PID(), err)
		}
	}
	s.tell("process %d: is the main process, instead of %d", h.PID(), before.PID())
	if s.main = h; before != s.process.Handle() {
		before.Close()
	}
	return nil
}

// own reads the pidfile, which is to be the daemon's still.
func (s *start) own() (*pidfile.Holder, error) {
	holder, err := pidfile.Read(s.PIDFile, s.Rules)
	if err == nil && holder.PID != s.main.PID() {
		holder.Close()
		err = fmt.Errorf("%s: %w", s.PIDFile, pidfile.ErrChanged)
	}
	return holder, err
}

// undo stops all of the daemon that runs and takes the pidfile back. A survivor keeps its pidfile.
func (s *start) undo(cause error) error {
	ctx := context.Background()
	schedule := s.Stop
	if s.Supervisor {
		_, _ = stop.Run(ctx, s.main, schedule[:1], nil) // whatever is left of it is stopped by what follows
		schedule = schedule[1:]
	}
	var target stop.Target
	if family, err := s.family(); err == nil {
		defer family.Close()
		target = family
	} else if family, err := s.main.Unsearched(); err == nil { // no /proc to find them in
		defer family.Close()
		target = family
	} else {
		target = s.main
	}
	_, err := stop.Run(ctx, target, schedule, nil)
	if err != nil && !errors.Is(err, proc.ErrNotFound) {
		return fmt.Errorf("%w; process %s: %w", cause, s.left(target), err)
	}
	if s.PIDFile == "" {
		return cause
	}
	holder, err := s.own()
	if err == nil {
		defer holder.Close()
		err = pidfile.Release(ctx, holder)
	}
	if err != nil && !errors.Is(err, pidfile.ErrChanged) {
		cause = fmt.Errorf("%w; %w", cause, err)
	}
	return cause
}

// left names what could not be stopped.
func (s *start) left(target stop.Target) string {
	if family, ok := target.(*proc.Family); ok {
		if pids, err := family.Members(); err == nil && len(pids) > 0 {
			return strings.Trim(fmt.Sprint(pids), "[]")
		}
	}
	return strconv.Itoa(s.main.PID())
}

// family is the daemon and all that came of it: the descendants of this process, which adopts the orphans among them,
// less the others.
func (s *start) family() (*proc.Family, error) {
	if s.others.unknown {
		return s.process.Handle().Family(proc.Tree, nil)
	}
	self, err := proc.Self()
	if err != nil {
		return nil, err
	}
	return self.TreeWithout(s.others.own)
}
