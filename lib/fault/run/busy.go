package run

import (
	"context"
	"time"

	"pidbox/lib/health"
)

// What takes long may do so because this machine is busy, of which the cluster knows nothing. So no limit here is one of time
// alone: at each the tester looks how long a command that does nothing needs now, and waits longer where that is much.

// turn is how long a command that does nothing takes, from its fork to the news of its end. Nil measures it.
type turn func(context.Context) time.Duration

func (t turn) now(ctx context.Context) time.Duration {
	if t != nil {
		return t(ctx)
	}
	began := time.Now()
	if check, err := health.Exec([]string{"/bin/sh", "-c", ":"}); err == nil {
		_ = check.Check(ctx) // which also takes long where no process can be had
	}
	return time.Since(began)
}

// An answer that did not come within its limit may have been kept by this machine if the limit has room for few turns only.
const (
	turns   = 40
	longest = 2 * time.Minute
)

// late says whether what was waited for up to a limit may only be late, and what the next limit is then. At least twice as
// long, up to an end: so that this comes to one. The slowest turn meanwhile is looked at, and one more.
func (t turn) late(ctx context.Context, slowest, limit time.Duration) (time.Duration, bool) {
	needed := turns * max(slowest, t.now(ctx))
	if ctx.Err() != nil || needed <= limit || limit >= longest {
		return limit, false
	}
	return min(max(2*limit, needed), longest), true
}

// pulse takes turns while something is waited for, if that takes long, and says how long the longest was once it is called.
func (t turn) pulse(ctx context.Context) func() time.Duration {
	const every = time.Second / 2
	ctx, stop := context.WithCancel(ctx)
	slowest, over := time.Duration(0), make(chan struct{})
	go func() {
		defer close(over)
		for sleep(ctx, every); ctx.Err() == nil; sleep(ctx, every) {
			slowest = max(slowest, t.now(ctx)) // one that is cut short took at least so long
		}
	}()
	return func() time.Duration {
		stop()
		<-over
		return slowest
	}
}
