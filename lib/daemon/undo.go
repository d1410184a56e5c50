package daemon

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"pidbox/lib/child"
	"pidbox/lib/resolve"
	"pidbox/lib/stop"
)

// undo stops all of the daemon that runs and takes the pidfile back. A survivor keeps its pidfile.
func (s *start) undo(cause error) error {
	ctx := context.Background()
	schedule := s.Stop
	if s.Supervisor {
		_, _ = stop.Run(ctx, s.child.Handle(), schedule[:1], nil) // what it leaves is stopped by what follows
		schedule = schedule[1:]
	}
	if err := s.child.Stop(ctx, schedule, nil); err != nil {
		return fmt.Errorf("%w; process %s: %w", cause, s.left(), err)
	}
	if err := s.child.Release(ctx); err != nil {
		return fmt.Errorf("%w; %w", cause, err)
	}
	return cause
}

// unmake removes the directories that were made, unless others use them.
func (s *start) unmake() {
	for _, dir := range slices.Backward(s.made) {
		_ = resolve.Unmake(dir, logPolicy(s.Rules))
	}
}

// left names what could not be stopped.
func (s *start) left() string {
	text := strconv.Itoa(s.child.PID())
	_ = s.child.Within(func(f child.Family) error {
		pids, err := f.Members()
		if len(pids) > 0 {
			text = strings.Trim(fmt.Sprint(pids), "[]")
		}
		return err
	})
	return text
}
