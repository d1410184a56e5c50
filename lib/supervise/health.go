package supervise

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pidbox/lib/duration"
	"pidbox/lib/spawn"
)

// Health says how a running child is checked. Failures in a row, an Interval apart, make it unhealthy: before its first
// success, it has as much time to come.
type Health struct {
	Check    func(context.Context) error
	Interval time.Duration
	Failures int
}

// ParseHealth reads D or D/N: the interval and the failures, 3 if they are not given.
func ParseHealth(s string) (Health, error) {
	every, count, counted := strings.Cut(s, "/")
	h, failures := Health{Failures: 3}, uint64(3)
	var err error
	if h.Interval, err = duration.Parse(every); err == nil && h.Interval == 0 {
		err = errors.New("must be greater than zero")
	}
	if err == nil && counted {
		if failures, err = strconv.ParseUint(count, 10, 31); err != nil || failures == 0 {
			err = fmt.Errorf("%q is not a number of failures", count)
		}
	}
	h.Failures = int(failures)
	return h, err
}

// timeout is the time limit of one check.
func (h *Health) timeout() time.Duration { return max(h.Interval, 5*time.Second) }

// firstInterval bounds the pace of the checks until the first success, which others may be waiting for.
const firstInterval = time.Second

// checked is the result of a check.
type checked struct {
	err      error
	failures int  // so many in a row that count; 0 for a success
	unmade   bool // it could not be made, and says nothing about the child
}

// checkEnds is how long a check may take to end once nobody wants to know. One that cannot (state D) is left behind.
const checkEnds = time.Second

// check tells of each check that counts until the returned function is called. While nobody listens, as during a stop,
// it rests.
func (s *Supervisor) check(child Child) (<-chan checked, func()) {
	if s.Health == nil {
		return nil, func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	found, done := make(chan checked), make(chan struct{})
	go func() {
		defer close(done)
		s.Health.probe(ctx, child.Began(), func(c checked) {
			select {
			case found <- c:
			case <-ctx.Done():
			}
		})
	}()
	return found, func() {
		cancel()
		late := time.NewTimer(checkEnds)
		defer late.Stop()
		select {
		case <-done:
		case <-late.C:
		}
	}
}

// judge takes a check in, and says whether the child is unhealthy now.
func (s *Supervisor) judge(child Child, c checked) error {
	if c.unmade {
		s.Log.Warn("check not made", "pid", child.PID(), "error", c.err.Error())
		return nil
	}
	s.set(func(st *Status) { st.Healthy = new(c.err == nil) })
	if c.err == nil {
		return nil
	}
	s.Log.Warn("check failed", "pid", child.PID(), "failures", c.failures, "of", s.Health.Failures, "error", c.err.Error())
	if c.failures < s.Health.Failures {
		return nil
	}
	if c.failures == 1 {
		return fmt.Errorf("a check failed: %w", c.err)
	}
	return fmt.Errorf("%d checks failed: %w", c.failures, c.err)
}

func (h *Health) probe(ctx context.Context, began time.Time, tell func(checked)) {
	pace, good, failures := min(h.Interval, firstInterval), false, 0
	grace := began.Add(time.Duration(h.Failures) * h.Interval)
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
		case unmade(err):
			tell(checked{err: err, failures: failures, unmade: true})
			continue
		case err == nil:
			good, failures = true, 0
		case good:
			failures++
		case time.Now().Before(grace):
			continue
		default:
			failures = h.Failures
		}
		pace = h.Interval
		tell(checked{err: err, failures: failures})
		if failures >= h.Failures { // and if it survives its stop, it is to fail as often again
			failures, good = 0, true
		}
	}
}

// unmade holds for a check that the supervisor had not the processes, descriptors or memory for. A full queue of a socket is EAGAIN
// too, and the child's.
func unmade(err error) bool {
	fork := (*spawn.StepError)(nil)
	return errors.As(err, &fork) && scarce(err) || scarce(err) && !errors.Is(err, syscall.EAGAIN)
}

func (h *Health) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, h.timeout())
	defer cancel()
	return h.Check(ctx)
}
