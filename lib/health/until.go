package health

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

// atOnce bounds the attempts under way at one time, so that a thousand targets need neither a thousand
// descriptors nor the memory of a thousand connections.
const atOnce = 128

// processesAtOnce bounds those that run a command: more of them than this machine can run only keep each other waiting, until
// the time of each is up.
func processesAtOnce() int { return max(16, 4*runtime.NumCPU()) }

// Until asks all checks side by side until each has settled. Then it asks all of them once more, for the first may have
// fallen ill while the last was waited for, and returns nil when all of these answers are as wanted: there was one
// moment at which all were. Who fails is asked on. A single check, or one of Any, was just asked.
//
// When ctx ends first it returns context.Cause(ctx); with Once it returns ErrUnhealthy when the answer is "no", and
// ErrNotAsked when none came. A check that can never be asked ends the wait with its error, unless Any leaves others.
// progress may be nil; it hears of every finished attempt, of one at a time.
func Until(ctx context.Context, checks []Check, p Pace, progress func(Attempt)) (Result, error) {
	const few = 8
	if p.Alone = p.Alone && len(checks) <= few; p.Alone {
		runtime.GOMAXPROCS(1)
	}
	inner, stop := context.WithCancel(ctx)
	defer stop()
	w := &wait{
		ctx: inner, pace: p, progress: progress, stop: stop, start: time.Now(),
		slots: make(chan struct{}, atOnce), commands: make(chan struct{}, processesAtOnce()), targets: make([]Target, len(checks)),
	}
	for i, c := range checks {
		w.targets[i].Check = c
	}
	if sleep(inner, p.InitialDelay) {
		w.run()
	}
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
	ctx      context.Context
	pace     Pace
	progress func(Attempt)
	stop     func()
	start    time.Time
	slots    chan struct{}
	commands chan struct{} // slots of checks that run one

	mu      sync.Mutex // of all below, and of progress
	targets []Target
	never   error // of a check that can never be asked
	lost    int   // how many there are of these
}

// run asks each until it has settled, and then all at one moment, until all are as wanted then.
func (w *wait) run() {
	w.each((*asking).untilSettled)
	if len(w.targets) == 1 || w.pace.Any || w.pace.Once {
		return
	}
	for w.settled() == len(w.targets) {
		w.each((*asking).onceMore)
		if w.settled() == len(w.targets) {
			return
		}
		w.each((*asking).onwards)
	}
}

// each does something with all targets, side by side.
func (w *wait) each(do func(*asking)) {
	var all sync.WaitGroup
	for i := range w.targets {
		c := &asking{wait: w, target: &w.targets[i]}
		if w.pace.Alone {
			c.alarm = newAlarm(w.ctx)
		}
		all.Go(func() {
			defer c.alarm.close()
			do(c)
		})
	}
	all.Wait()
}

func (w *wait) settled() (n int) {
	for _, t := range w.targets {
		if t.Settled {
			n++
		}
	}
	return n
}

func (w *wait) result(ctx context.Context) (Result, error) {
	r := Result{Elapsed: time.Since(w.start), Targets: w.targets, any: w.pace.Any}
	for _, t := range w.targets {
		r.Attempts += t.Attempts
	}
	settled := w.settled()
	switch fault := r.Unsettled(); {
	case settled == len(w.targets) || w.pace.Any && settled > 0:
		return r, nil
	case w.never != nil && (!w.pace.Any || w.lost == len(w.targets)):
		return r, w.never
	case ctx.Err() != nil && !(w.pace.Once && errors.Is(context.Cause(ctx), context.DeadlineExceeded) && errors.Is(fault.Reason, ErrNotAsked)):
		return r, context.Cause(ctx)
	case errors.Is(fault.Reason, ErrNotAsked):
		return r, ErrNotAsked
	}
	return r, ErrUnhealthy
}
