package health

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// asking is the way of one check through its attempts.
type asking struct {
	*wait
	ctx    context.Context
	target *Target
	began  time.Time // the attempt
	streak int
}

// run asks at the pace until the check has settled or the wait is over. An attempt that finds no slot before that is none.
func (c *asking) run() {
	for {
		select {
		case c.slots <- struct{}{}:
		case <-c.ctx.Done():
			return
		}
		c.began = time.Now()
		err := c.attempt()
		<-c.slots
		if !c.again(err) || !sleep(c.ctx, c.pause()) {
			return
		}
	}
}

func (c *asking) attempt() error {
	ctx := c.ctx
	if c.pace.TryTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.pace.TryTimeout)
		defer cancel()
	}
	return c.target.Check.Check(ctx)
}

// again takes an answer in, and says whether another one is wanted.
func (c *asking) again(err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && over(c.ctx) && !c.last() {
		c.cut(err)
		return false
	}
	c.target.Attempts++
	if c.progress != nil {
		c.progress(Attempt{Check: c.target.Check, Number: c.target.Attempts, Elapsed: time.Since(c.start), Err: err})
	}
	c.target.Healthy, c.target.Reason = err == nil, err
	if (err == nil) == c.pace.Invert {
		c.streak = 0
		if c.pace.Invert {
			c.target.Reason = ErrStillHealthy
		}
		return !c.pace.Once
	}
	if c.streak++; c.streak < c.pace.Successes {
		c.target.Reason = ErrTooFew
		if c.pace.Invert {
			c.target.Reason = plain("%v, but not often enough in a row", err)
		}
		return !c.pace.Once
	}
	c.target.Settled, c.target.Reason = true, nil
	if c.pace.Any {
		c.stop()
	}
	return false
}

// over reports whether ctx has ended. A dial that has the deadline of ctx ends at it, too, and perhaps a moment earlier.
func over(ctx context.Context) bool {
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		<-ctx.Done()
	}
	return ctx.Err() != nil
}

// last holds for the one attempt of Once when its time is up: "no answer" is an answer then.
func (c *asking) last() bool {
	return c.pace.Once && errors.Is(context.Cause(c.ctx), context.DeadlineExceeded)
}

// cut is told of an attempt that the end of the whole wait cut short. What was heard before says more than its
// "no answer in 3ms", unless it had been long without an answer.
func (c *asking) cut(err error) {
	const long = time.Second
	if c.target.Reason == nil || time.Since(c.began) >= long {
		c.target.Attempts++
		c.target.Reason = err
	}
}

// pause keeps the lag after the service became healthy below a tenth of the wait. With several targets it is cut
// at random, by a fifth at most, so that they do not march in step.
func (c *asking) pause() time.Duration {
	if c.pace.Interval > 0 {
		return c.pace.Interval - time.Since(c.began)
	}
	d := min(max(time.Since(c.start)/10, 50*time.Millisecond), time.Second)
	if len(c.targets) > 1 {
		d -= rand.N(d / 5)
	}
	return d
}
