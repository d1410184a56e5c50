package supervise

import (
	"context"
	"slices"
	"syscall"

	"pidbox/lib/child"
	"pidbox/lib/signals"
)

// What is left of a container when its PID 1 ends, the kernel kills. So a supervisor that is PID 1 first has it end in good
// order: after its own child, by TERM.

// sweep ends, beside the loop, all that is left; without a task for that it is the end.
func (l *loop) sweep() phase {
	if l.Sweep == nil || l.outcome == Left {
		return done
	}
	l.set(func(st *Status) { st.State = Stopping })
	l.halting = &halting{hasten: make(chan struct{})}
	go func(h *halting) {
		l.results <- result{event: gone, err: l.Sweep(func() { h.begun.Store(true) }, h.hasten)}
	}(l.halting)
	return sweeping
}

// swept is the end.
func (l *loop) swept(h happening) phase {
	if h.err != nil {
		l.Log.Warn("not all is stopped", "error", h.err.Error())
	}
	return done
}

// press hastens to KILL.
func (l *loop) press(happening) phase {
	if l.halting.begun.Load() && !l.halting.hastened {
		l.halting.hastened = true
		close(l.halting.hasten)
		l.Log.Warn("skipping to KILL")
	}
	return sweeping
}

// sweeps is that task, for a PID 1.
func (s *Service) sweeps(schedule signals.Schedule) func(begun func(), hasten <-chan struct{}) error {
	schedule = slices.Clone(schedule)
	schedule[0].Signal = syscall.SIGTERM
	return func(begun func(), hasten <-chan struct{}) error {
		pids, err := child.Heritage()
		if err != nil || len(pids) == 0 {
			return err
		}
		begun()
		s.Log.Info("stopping what is left", "pids", pids)
		ctx, cancel := hastened(hasten)
		defer cancel()
		err = child.EndHeritage(ctx, schedule)
		if err != nil && ctx.Err() != nil {
			err = child.EndHeritage(context.Background(), child.Kill())
		}
		return err
	}
}
