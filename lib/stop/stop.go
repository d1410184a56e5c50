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
// proc.ErrNotFound when it is gone, and *proc.Refused when it left some alone; Wait returns nil once it is gone, also
// where ctx has ended, and the cause of ctx if that ends first.
//
// A target may be more than that. One with Resume, which sends CONT to those that are stopped, has that done after each
// signal, for a stopped process sees none. One with SignalContext has its Signal ended with the run. One with WaitFor waits
// for a time without a context that ends then, or says errors.ErrUnsupported.
type Target interface {
	Signal(syscall.Signal) error
	Wait(context.Context) error
}

type resumer interface{ Resume() error }

type interruptible interface {
	SignalContext(context.Context, syscall.Signal) error
}

type timed interface {
	WaitFor(context.Context, time.Duration) (gone bool, err error)
}

// Outcome is how a stop ended.
type Outcome struct {
	Last syscall.Signal // the last signal that was sent; 0 if it was gone before the first
}

// Run sends the signals of a schedule, waiting for the target's end after each as long as that says; a step that is
// to be repeated for ever is, with those after it. It returns nil once the target is gone, ErrSurvived if it is not
// after the last step, the error of a signal that could not be sent, and the cause of ctx if that ends first. Where
// members must not be signalled, the schedule goes on for the others, and the *proc.Refused is returned if they
// remain. Before each signal report is told of it.
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
		err := send(ctx, t, step.Signal)
		switch refused := (*proc.Refused)(nil); {
		case errors.Is(err, proc.ErrNotFound):
			// The group may be gone, and its leader have left it before: only who is seen to be gone is.
			if gone, err := wait(ctx, t, 0); gone || err != nil {
				return out, err
			}
		case err != nil && ctx.Err() != nil:
			return out, context.Cause(ctx)
		case err != nil && !errors.As(err, &refused):
			return out, fmt.Errorf("send %s: %w", signals.Name(step.Signal), err)
		default:
			out.Last = step.Signal
		}
		if gone, err := wait(ctx, t, step.Wait); gone || err != nil {
			return out, err
		}
		if i == len(schedule)-1 && repeat < len(schedule) {
			i = repeat - 1
		}
	}
	return out, ErrSurvived
}

// send delivers a signal, also to a stopped process, unless it is one for which it makes no difference, or which was
// meant to stop it.
func send(ctx context.Context, t Target, s syscall.Signal) error {
	var err error
	if i, is := t.(interruptible); is {
		err = i.SignalContext(ctx, s)
	} else {
		err = t.Signal(s)
	}
	switch s {
	case 0, syscall.SIGCONT, syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
		return err
	}
	if r, is := t.(resumer); is {
		if failed := r.Resume(); err == nil {
			err = failed
		}
	}
	return err
}

// wait reports whether the target is gone within d.
func wait(ctx context.Context, t Target, d time.Duration) (gone bool, err error) {
	if w, is := t.(timed); is {
		gone, err := w.WaitFor(ctx, d)
		if !gone && ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		if !errors.Is(err, errors.ErrUnsupported) {
			return gone, err
		}
	}
	bounded, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	err = t.Wait(bounded)
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case bounded.Err() != nil && errors.Is(err, context.DeadlineExceeded):
		return false, nil
	}
	return false, err
}
