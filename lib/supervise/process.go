package supervise

import (
	"context"
	"errors"
	"os"
	"slices"
	"syscall"

	"pidbox/lib/child"
	"pidbox/lib/proc"
	"pidbox/lib/ready"
	"pidbox/lib/signals"
	"pidbox/lib/stop"
)

// process is a run of a Service.
type process struct {
	*child.Child
	of     *Service
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
	end := End{At: p.Ended(), Code: ending.Code, Signal: ending.Signal, Core: ending.Core, OOM: ending.OOM}
	if untold := (*proc.UntoldError)(nil); errors.As(err, &untold) {
		end.Untold = untold.Why
	}
	return end
}

// Stop ends the group that the process leads or led.
func (p *process) Stop(schedule signals.Schedule, begun func(), hasten <-chan struct{}) error {
	if !p.Over() {
		schedule = p.audible(schedule)
	}
	ctx, cancel := hastened(hasten)
	defer cancel()
	schedule, err := p.ask(ctx, schedule, begun)
	if err == nil {
		err = p.Child.Stop(ctx, schedule, func(step signals.Step) {
			begun()
			p.tell(step)
		})
	}
	if err != nil && ctx.Err() != nil {
		err = p.Child.Stop(context.Background(), child.Kill(), p.tell)
	}
	return err
}

// Astray is a process that it may have left in the background.
func (p *process) Astray() int {
	uid := os.Geteuid()
	if user := p.of.program.command.User; user != nil {
		uid = user.UID
	}
	return p.Child.Astray(p.of.Fingerprint.Path, uid, p.of.env)
}

// hastened is a context that the closing of hasten ends.
func hastened(hasten <-chan struct{}) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-hasten:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// ask has the process end by the command that there is for that, and returns what is left of the schedule.
func (p *process) ask(ctx context.Context, schedule signals.Schedule, begun func()) (signals.Schedule, error) {
	if p.of.stopBy == "" || p.Over() {
		return schedule, nil
	}
	begun()
	p.of.Log.Info("stopping by its own command", "pid", p.PID())
	gone, left, err := stop.First(ctx, p.Handle(), schedule, func(ctx context.Context) error {
		return p.of.Orphans.Guard(func() error { return p.of.stopBy.Run(ctx, p.PID(), p.of.like()) })
	}, func(err error) {
		p.of.Log.Warn("the stop command failed", "pid", p.PID(), "error", err.Error())
	})
	if gone {
		<-p.Done() // what follows is for what it left
	}
	return left, err
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
	p.of.Log.Info("signalled", "pid", p.PID(), "signal", signals.Name(step.Signal), "wait", step.Wait.String())
}
