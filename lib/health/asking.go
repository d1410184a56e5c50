package health

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"syscall"
	"time"
)

// asking is the way of one check through its attempts.
type asking struct {
	*wait
	target *Target
	began  time.Time // the attempt
	streak int
	alarm  *alarm // nil: a timer
}

func (c *asking) sleep(d time.Duration) bool {
	if c.alarm == nil {
		return sleep(c.ctx, d)
	}
	return c.alarm.sleep(d)
}

// untilSettled asks at the pace until the check has settled or the wait is over.
func (c *asking) untilSettled() {
	for more := c.ask(); more && c.again(); {
		more = c.askLater()
	}
}

// onceMore asks a check that has settled whether it still is as it was. Without an answer it counts as unsettled.
func (c *asking) onceMore() {
	c.streak = c.pace.Successes // of these it has had enough
	c.target.Settled, c.target.Reason = false, ErrNotAtOnce
	c.ask()
}

// onwards is for the checks that have failed in the last round.
func (c *asking) onwards() {
	for more := true; more && c.again(); {
		more = c.askLater()
	}
}

// again says whether another attempt is wanted.
func (c *asking) again() bool { return !c.target.Settled && !c.pace.Once && !isNever(c.target.Reason) }

// ask makes an attempt, and takes its answer in. One that finds no slot before the wait is over is none: false.
func (c *asking) ask() bool { return c.askOn(nil) }

// askOn has a connection already, or nil.
func (c *asking) askOn(conn net.Conn) bool {
	a := &attempt{knocked: conn}
	defer a.drop()
	slots := c.slots
	if _, runs := c.target.Check.(*execCheck); runs {
		slots = c.commands
	}
	select {
	case slots <- struct{}{}:
	case <-c.ctx.Done():
		return false
	}
	c.began = time.Now()
	err := c.repeat(a)
	<-slots
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && over(c.ctx) && !c.last() {
		c.cut(err)
		return false
	}
	c.take(err)
	return true
}

// askLater makes the next attempt when its time has come. At a fixed pace a target of this machine that refused is knocked
// at meanwhile, and is asked as soon as it lets us in, on that connection.
func (c *asking) askLater() bool {
	const often, least = 20, time.Millisecond / 2
	at, step := time.Now().Add(c.pause()), max(c.pace.Interval/often, least)
	closed := refusal(c.target.Reason)
	if cold, is := c.target.Check.(interface{ warm() }); is && closed != nil && c.pace.Interval > 0 && c.target.Attempts == 1 {
		cold.warm()
	}
	for closed != nil && c.pace.Interval > 0 && time.Until(at) > step {
		if !c.sleep(step) {
			return false
		}
		if conn, err := closed.knock(); err == nil {
			return c.askOn(conn)
		}
	}
	return c.sleep(time.Until(at)) && c.ask()
}

// repeat makes an attempt. One at an address that has refused begins with a knock, and ends with it where it is refused again.
func (c *asking) repeat(a *attempt) error {
	if closed := refusal(c.target.Reason); closed != nil && a.knocked == nil && closed.still() {
		conn, err := closed.knock()
		if errors.Is(err, syscall.ECONNREFUSED) {
			return c.target.Reason
		}
		a.knocked = conn // or nil
	}
	return c.attempt(a)
}

func (c *asking) attempt(a *attempt) error {
	ctx := context.WithValue(c.ctx, attemptKey{}, a)
	if c.pace.TryTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.pace.TryTimeout)
		defer cancel()
	}
	return c.target.Check.Check(ctx)
}

func (c *asking) take(err error) {
	c.target.Attempts++
	if c.progress != nil {
		c.progress(Attempt{Check: c.target.Check, Number: c.target.Attempts, Elapsed: time.Since(c.start), Err: err})
	}
	c.target.Healthy, c.target.Reason = err == nil, err
	switch wanted := (err == nil) != c.pace.Invert; {
	case isNever(err):
		c.never = err
		if c.lost++; !c.pace.Any {
			c.stop()
		}
	case errors.Is(err, ErrNotAsked): // tells neither way
		c.streak = 0
	case !wanted:
		c.streak = 0
		if c.pace.Invert {
			c.target.Reason = ErrStillHealthy
		}
	default:
		c.wanted(err)
	}
}

// wanted takes in an answer that is.
func (c *asking) wanted(err error) {
	if c.streak++; c.streak < c.pace.Successes {
		c.target.Reason = ErrTooFew
		if c.pace.Invert {
			c.target.Reason = plain("%v, but not often enough in a row", err)
		}
		return
	}
	c.target.Settled, c.target.Reason = true, nil
	if c.pace.Any {
		c.stop()
	}
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
	if c.target.Reason == nil || c.target.Reason == ErrNotAtOnce || time.Since(c.began) >= long {
		c.target.Attempts++
		c.target.Reason = err
	}
}

// pause keeps the lag after the service became healthy below a sixth of the wait, and the tries few. With several targets it
// is cut at random, by a fifth at most, so that they do not march in step.
func (c *asking) pause() time.Duration {
	const least = time.Millisecond // a shorter one would only be busy
	if c.pace.Interval > 0 {
		return max(c.pace.Interval, least) - time.Since(c.began)
	}
	d := min(max(time.Since(c.start)/6, 50*time.Millisecond), time.Second)
	if len(c.targets) > 1 {
		d -= rand.N(d / 5)
	}
	return d
}
