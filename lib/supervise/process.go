package supervise

import (
	"context"
	"log/slog"
	"slices"
	"syscall"

	"pidbox/lib/child"
	"pidbox/lib/ready"
	"pidbox/lib/signals"
)

// process is a run of a Service.
type process struct {
	*child.Child
	log    *slog.Logger
	course *ready.Course // nil: it shows nothing of itself
}

// Close lets go of it, and hears it no more.
func (p *process) Close() {
	if p.course != nil {
		p.course.Close()
	}
	p.Child.Close()
}

// Events is what it shows, nil for nothing.
func (p *process) Events() <-chan ready.Event {
	if p.course == nil {
		return nil
	}
	return p.course.Events()
}

// End has the time from the process's own end, and not from when the rest of its group was gone.
func (p *process) End() End {
	ending, err := p.Reap()
	if err != nil || ending.Signal != 0 {
		ending.Code = -1
	}
	return End{At: p.Ended(), Code: ending.Code, Signal: ending.Signal, Core: ending.Core}
}

// Stop ends the group that the process leads or led.
func (p *process) Stop(schedule signals.Schedule, begun func(), hasten <-chan struct{}) error {
	schedule = p.audible(schedule)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-hasten:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := p.Child.Stop(ctx, schedule, func(step signals.Step) {
		begun()
		p.tell(step)
	})
	if err != nil && ctx.Err() != nil {
		err = p.Child.Stop(context.Background(), child.Kill(), p.tell)
	}
	return err
}

// audible has TERM in place of a first INT that the process ignores, as what a shell started in the background does: the
// time of that step would pass for nothing.
func (p *process) audible(schedule signals.Schedule) signals.Schedule {
	if len(schedule) == 0 || schedule[0].Signal != syscall.SIGINT {
		return schedule
	}
	if deaf, err := p.Handle().Ignores(syscall.SIGINT); err != nil || !deaf {
		return schedule
	}
	schedule = slices.Clone(schedule)
	schedule[0].Signal = syscall.SIGTERM
	return schedule
}

func (p *process) tell(step signals.Step) {
	p.log.Info("signalled", "pid", p.PID(), "signal", signals.Name(step.Signal), "wait", step.Wait.String())
}
