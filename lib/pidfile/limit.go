package pidfile

import (
	"context"
	"sync"
	"time"
)

// limit is a context that ends after a time, and has a timer from the first wait for that on. A lock is nearly always free, and
// the first timer of a Go program costs two descriptors, and a thread that watches them.
type limit struct {
	context.Context
	end    time.Time
	begin  sync.Once
	timed  context.Context
	cancel context.CancelFunc
}

func limited(ctx context.Context, d time.Duration) (*limit, context.CancelFunc) {
	l := &limit{Context: ctx, end: time.Now().Add(d)}
	return l, l.stop
}

// stop ends it, for those who wait and for those who begin to.
func (l *limit) stop() {
	l.begin.Do(func() { l.timed, l.cancel = context.WithCancel(l.Context) })
	l.cancel()
}

// Done has the end come by itself.
func (l *limit) Done() <-chan struct{} {
	l.begin.Do(func() { l.timed, l.cancel = context.WithDeadline(l.Context, l.end) })
	return l.timed.Done()
}

// Deadline is that of the lock, or an earlier one of the caller.
func (l *limit) Deadline() (time.Time, bool) {
	if end, has := l.Context.Deadline(); has && end.Before(l.end) {
		return end, true
	}
	return l.end, true
}

// Err is not nil once the time is up, or the caller's context has ended.
func (l *limit) Err() error {
	if err := l.Context.Err(); err != nil || time.Now().Before(l.end) {
		return err
	}
	return context.DeadlineExceeded
}
