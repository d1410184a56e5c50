package health

import (
	"context"
	"sync"
	"time"
)

// atOnce bounds the attempts under way at one time, so that a thousand targets need neither a thousand
// descriptors nor the memory of a thousand connections.
const atOnce = 128

// Until asks all checks side by side until each has settled (Any: until one has) and returns nil then; a settled
// check is not asked again. When ctx ends first it returns context.Cause(ctx); with Once it returns ErrUnhealthy
// when the answer is "no". progress may be nil; it hears of every finished attempt, of one at a time.
func Until(ctx context.Context, checks []Check, p Pace, progress func(Attempt)) (Result, error) {
	inner, stop := context.WithCancel(ctx)
	defer stop()
	w := &wait{
		pace: p, progress: progress, stop: stop, start: time.Now(),
		slots: make(chan struct{}, atOnce), targets: make([]Target, len(checks)),
	}
	var all sync.WaitGroup
	for i, c := range checks {
		w.targets[i].Check = c
	}
	if sleep(inner, p.InitialDelay) {
		for i := range checks {
			all.Go(func() { (&asking{wait: w, ctx: inner, target: &w.targets[i]}).run() })
		}
	}
	all.Wait()
	return w.result(ctx)
}

// sleep reports whether d passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

type wait struct {
	pace     Pace
	progress func(Attempt)
	stop     func()
	start    time.Time
	slots    chan struct{}

	mu      sync.Mutex // of targets, and of progress
	targets []Target
}

func (w *wait) result(ctx context.Context) (Result, error) {
	r := Result{Elapsed: time.Since(w.start), Targets: w.targets}
	settled := 0
	for _, t := range w.targets {
		r.Attempts += t.Attempts
		if t.Settled {
			settled++
		}
	}
	switch {
	case settled == len(w.targets) || w.pace.Any && settled > 0:
		return r, nil
	case ctx.Err() != nil:
		return r, context.Cause(ctx)
	}
	return r, ErrUnhealthy
}
