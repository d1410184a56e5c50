package supervise

import (
	"context"
	"log/slog"

	"pidbox/lib/child"
	"pidbox/lib/signals"
)

// process is a run of a Service.
type process struct {
	*child.Child
	log *slog.Logger
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

func (p *process) tell(step signals.Step) {
	p.log.Info("signalled", "pid", p.PID(), "signal", signals.Name(step.Signal), "wait", step.Wait.String())
}
