// Package stop ends a process by a schedule of signals, and returns the moment it is gone.
package stop

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"pidbox/lib/proc"
	"pidbox/lib/signals"
)

// ErrSurvived says that the target was still alive after the last step of a schedule.
var ErrSurvived = errors.New("it is still alive")

// Target is what can be stopped: a *proc.Handle, or a *proc.Family whose members must all end. Signal says
// proc.ErrNotFound when it is gone; Wait returns nil once it is, and the cause of ctx if that ends first.
type Target interface {
	Signal(syscall.Signal) error
	Wait(context.Context) error
}

// Outcome is how a stop ended.
type Outcome struct {
	Last syscall.Signal // the last signal that was sent; 0 if it was gone before the first
}

// Run sends the signals of a schedule, waiting for the target's end after each as long as that says; a step that is
// to be repeated for ever is, with those after it. It returns nil once the target is gone, ErrSurvived if it is not
// after the last step, the error of a signal that could not be sent, and the cause of ctx if that ends first. Before
// each signal report is told of it.
func Run(ctx context.Context, t Target, schedule signals.Schedule, report func(signals.Step)) (Outcome, error) {
	var out Outcome
	repeat := len(schedule)
	for i := 0; i < len(schedule); i++ {
		step := schedule[i]
		if step.Forever {
			repeat = i
		}
		if report != nil {
			report(step)
		}
		if err := t.Signal(step.Signal); errors.Is(err, proc.ErrNotFound) {
			return out, nil
		} else if err != nil {
			return out, fmt.Errorf("send %s: %w", signals.Name(step.Signal), err)
		}
		out.Last = step.Signal
		if gone, err := wait(ctx, t, step.Wait); gone || err != nil {
			return out, err
		}
		if i == len(schedule)-1 && repeat < len(schedule) {
			i = repeat - 1
		}
	}
	return out, ErrSurvived
}

// wait reports whether the target is gone within d.
func wait(ctx context.Context, t Target, d time.Duration) (gone bool, err error) {
	bounded, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	err = t.Wait(bounded)
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case bounded.Err() != nil:
		return false, nil
	}
	return false, err
}
