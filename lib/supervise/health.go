package supervise

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Health says how a running child is checked. Failures in a row make it unhealthy; those within Grace of its start do
// not count until the first success has ended the grace.
type Health struct {
	Check    func(context.Context) error
	Grace    time.Duration
	Interval time.Duration
	Timeout  time.Duration // of one check
	Failures int
}

// graceInterval bounds the pace of the first checks, which others may be waiting for.
const graceInterval = time.Second

// check reports on the returned channel once when the child is unhealthy, until the returned function is called.
func (s *Supervisor) check(child Child) (<-chan error, func()) {
	if s.Health == nil {
		s.announce()
		return nil, func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	unhealthy, done := make(chan error, 1), sync.WaitGroup{}
	done.Go(func() { s.probe(ctx, child, unhealthy) })
	return unhealthy, func() { cancel(); done.Wait() }
}

func (s *Supervisor) announce() {
	s.ready.Do(func() {
		if s.Ready != nil {
			s.Ready()
		}
	})
}

func (s *Supervisor) probe(ctx context.Context, child Child, unhealthy chan<- error) {
	h, began, good, bad := s.Health, child.Began(), false, 0
	pace := min(h.Interval, graceInterval)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pace):
		}
		err := h.once(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			good, bad, pace = true, 0, h.Interval
			s.announce()
		case !good && time.Since(began) < h.Grace:
			continue
		default:
			bad, pace = bad+1, h.Interval
			s.Log.Warn("check failed", "pid", child.PID(), "failures", bad, "of", h.Failures, "error", err.Error())
		}
		s.set(func(st *Status) { st.Healthy = new(err == nil) })
		if bad >= h.Failures {
			unhealthy <- fmt.Errorf("%d checks failed: %w", bad, err) // buffered; a child that survives its stop is not checked on
			return
		}
	}
}

func (h *Health) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	return h.Check(ctx)
}
