package stop

import (
	"context"
	"fmt"
	"time"

	"pidbox/lib/duration"
	"pidbox/lib/signals"
)

// First has a target end by a command of its own before it is signalled, in no more time than the schedule has: the command,
// and the end that comes of it, have the first wait less a quarter. What is left of that wait is for the first signal, which
// is due at once where the command fails, as failed hears. The result is whether the target is gone; the schedule that is
// left if not; and the cause of ctx where that ends it. The end of the command is waited for, too.
func First(ctx context.Context, t Target, schedule signals.Schedule, command func(context.Context) error, failed func(error)) (gone bool, left signals.Schedule, err error) {
	began, limit := time.Now(), schedule[0].Wait*3/4
	late := fmt.Errorf("not done within %s", duration.Format(limit))
	bounded, cancel := context.WithTimeoutCause(ctx, limit, late)
	defer cancel()
	own, fail := context.WithCancelCause(bounded)
	defer fail(nil)
	ran := make(chan error, 1)
	go func() {
		err := command(own)
		if err != nil {
			fail(err)
		}
		ran <- err
	}()
	gone = t.Wait(own) == nil // why not, a signal meets again
	why := <-ran
	left = append(left, schedule...)
	left[0].Wait = (left[0].Wait - min(time.Since(began), limit)).Round(time.Millisecond)
	switch {
	case gone:
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case why != nil:
		failed(why)
	}
	return gone, left, err
}
