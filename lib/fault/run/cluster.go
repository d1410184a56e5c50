package run

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/fault/plan"
	"pidbox/lib/fault/report"
	"pidbox/lib/health"
)

// Cluster is the members of a plan with their agents, in the hands of this tester.
type Cluster struct {
	plan    *plan.Plan
	options Options
	clients map[string]*client
	stop    context.CancelFunc // of the renewals
	renewed sync.WaitGroup

	run      string // an id of this run, for keys that no other run has
	lease    string
	evidence *evidence
	across   []*load // that run from the first case to the last
	doing    string  // which case; "" before the first
	turn     turn
	lapses   atomic.Int64 // how often the leases were not renewed in time
}

// Connect asks every agent how its member is, without taking it over.
func Connect(ctx context.Context, p *plan.Plan, o Options) (*Cluster, error) {
	c, err := unasked(p, o)
	if err != nil {
		return nil, err
	}
	_, err = c.Statuses(ctx)
	return c, err
}

// unasked is Connect, but for asking the agents.
func unasked(p *plan.Plan, o Options) (*Cluster, error) {
	if o.Step == nil {
		o.Step = func(string) {}
	}
	if o.Now == nil {
		o.Now = func(string) {}
	}
	if o.Ended == nil {
		o.Ended = func(report.Case) {}
	}
	secure, err := tlsConfig(p.TLS)
	if err != nil {
		return nil, err
	}
	token := ""
	if p.TokenFile != "" {
		if token, err = fault.ReadToken(p.TokenFile); err != nil {
			return nil, err
		}
	}
	c := &Cluster{plan: p, options: o, clients: map[string]*client{}, stop: func() {}}
	for _, m := range p.Members {
		token := token
		if m.TokenFile != "" {
			if token, err = fault.ReadToken(m.TokenFile); err != nil {
				return nil, err
			}
		}
		c.clients[m.Name] = newClient(m, token, secure)
	}
	return c, nil
}

// now says what is being done, and in which case.
func (c *Cluster) now(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	if c.doing != "" {
		what = c.doing + ": " + what
	}
	c.options.Now(what)
}

// Statuses asks all agents at once.
func (c *Cluster) Statuses(ctx context.Context) (map[string]fault.Status, error) {
	var mu sync.Mutex
	all := map[string]fault.Status{}
	err := c.each(nil, func(a *client) error {
		s, err := a.status(ctx)
		mu.Lock()
		defer mu.Unlock()
		all[a.member] = s
		return err
	})
	return all, err
}

// each does something with the agents of the members named, or of all for nil, side by side.
func (c *Cluster) each(names []string, do func(*client) error) error {
	if names == nil {
		names = c.names()
	}
	errs := make([]error, len(names))
	var wait sync.WaitGroup
	for i, n := range names {
		wait.Go(func() { errs[i] = do(c.clients[n]) })
	}
	wait.Wait()
	return first(errs)
}

// first is the first error; one message is read, four are not.
func first(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) names() []string {
	names := make([]string, len(c.plan.Members))
	for i, m := range c.plan.Members {
		names[i] = m.Name
	}
	return names
}

// Take takes the lease of every member, and keeps it until Leave. A member that is in other hands is refused.
func (c *Cluster) Take(ctx context.Context) error {
	id := rand.Text()
	c.lease = id
	owner := c.options.Owner
	if owner == "" {
		owner = "another fault-tester"
	}
	for _, a := range c.clients {
		a.lease = id
	}
	lease := fault.Lease{ID: id, Owner: owner, TTL: fault.Duration(leaseTTL)}
	take := func(ctx context.Context) error {
		return c.each(nil, func(a *client) error { _, err := a.do(ctx, "PUT", "lease", lease); return err })
	}
	for end := time.Now().Add(c.options.Wait); ; sleep(ctx, 200*time.Millisecond) {
		err := take(ctx)
		if err == nil {
			break
		}
		c.Leave()
		if !refused(err, http.StatusConflict) || time.Now().After(end) || ctx.Err() != nil {
			return err
		}
	}
	renewing, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.renewed.Go(func() {
		ticker := time.NewTicker(leaseRenew)
		defer ticker.Stop()
		for last := time.Now(); ; {
			select {
			case <-renewing.Done():
				return
			case <-ticker.C:
				if now := time.Now(); now.Sub(last) >= leaseTTL {
					c.lapses.Add(1)
				}
				last = time.Now()
				// Not given up when the leases are given back: what is on its way would take them again after that.
				limited, cancel := context.WithTimeout(context.Background(), leaseTTL/2)
				_ = take(limited) // an agent that is gone shows in the case
				cancel()
			}
		}
	})
	return nil
}

// Leave gives the leases back.
func (c *Cluster) Leave() {
	c.stop()
	c.renewed.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), leaseTTL) // after which they are over
	defer cancel()
	_ = c.each(nil, func(a *client) error { _, err := a.do(ctx, "DELETE", "lease", nil); return err })
}

// Heal ends all faults, starts what was stopped, and sees that this is so. It does what it can with the agents that answer;
// its error names each member of which it could not be seen.
func (c *Cluster) Heal() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var mu sync.Mutex
	var left []string
	_ = c.each(nil, func(a *client) error {
		_, err := a.order(ctx, "heal", fault.Order{})
		if err == nil {
			_, err = a.order(ctx, "start", fault.Order{})
		}
		if err == nil {
			var s fault.Status
			if s, err = a.status(ctx); err == nil && (len(s.Faults) > 0 || s.State == fault.Paused || s.State == fault.Stopped || s.State == fault.Wiped) {
				err = fmt.Errorf("%s is %s, faults in force: %d", a.member, s.State, len(s.Faults))
			}
		}
		if err != nil {
			mu.Lock()
			defer mu.Unlock()
			left = append(left, err.Error())
		}
		return nil
	})
	if len(left) > 0 {
		slices.Sort(left)
		return &LeftError{left}
	}
	return nil
}

// LeftError is a cluster that was not seen to be healed.
type LeftError struct{ Left []string }

func (e *LeftError) Error() string { return "not everything is healed: " + strings.Join(e.Left, "; ") }

// Healthy waits until every member is healthy at one moment, and stays so for some time.
func (c *Cluster) Healthy(ctx context.Context, limit, stable time.Duration) error {
	_, err := c.healthyFor(ctx, limit, stable)
	return err
}

// tryTimeout is that of one check, on a machine that has time for it.
const tryTimeout = 2 * time.Second

// healthyFor is Healthy, and says since when. What could not be asked in time because this machine is busy tells nothing: it
// is asked again, with more time for each check and for all.
func (c *Cluster) healthyFor(ctx context.Context, limit, stable time.Duration) (since time.Time, err error) {
	const every = 100 * time.Millisecond
	end, try := time.Now().Add(limit+stable), tryTimeout
	busy := func(l look) (ours bool) {
		if try, ours = c.turn.late(ctx, l.slowest, try); ours {
			end = time.Now().Add(limit + stable)
		}
		return ours
	}
	fell := "" // who was not healthy for long enough
	for {
		within, done := context.WithDeadline(ctx, earlier(end, time.Now().Add(limit)))
		l, err := c.healthy(within, try, false)
		done()
		switch {
		case ctx.Err() != nil:
			return since, context.Cause(ctx)
		case err != nil && busy(l):
			continue
		case err != nil && fell != "": // what it was like while it could be asked says more
			return since, &UnhealthyError{fmt.Sprintf("not healthy for %v at a time within %v: %s", stable, limit, fell)}
		case err != nil:
			return since, &UnhealthyError{fmt.Sprintf("not healthy within %v: %s", limit, l.ill)}
		}
		since = time.Now()
		for l = (look{}); time.Since(since) < stable; sleep(ctx, every) {
			if l, err = c.healthy(ctx, try, true); err != nil {
				break
			}
		}
		switch {
		case ctx.Err() != nil:
			return since, context.Cause(ctx)
		case l.ill == "":
			return since, nil
		case l.mute && busy(l):
			continue
		}
		if fell = l.ill; time.Now().After(end) && !busy(l) {
			return since, &UnhealthyError{fmt.Sprintf("not healthy for %v at a time within %v: %s", stable, limit, fell)}
		}
		sleep(ctx, every)
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// look is what was seen of all members.
type look struct {
	ill     string        // who is not healthy; "" for nobody
	mute    bool          // none of these has said so, but some were not heard in time
	slowest time.Duration // turn of this machine meanwhile
}

// healthy asks until all are, or once.
func (c *Cluster) healthy(ctx context.Context, try time.Duration, once bool) (look, error) {
	var checks []health.Check
	for _, m := range c.plan.Members {
		check, err := m.Health.Check()
		if err != nil {
			return look{ill: err.Error()}, err
		}
		checks = append(checks, check)
	}
	slowest := c.turn.pulse(ctx)
	result, err := health.Until(ctx, checks, health.Pace{TryTimeout: try, Once: once}, nil)
	l := look{mute: true, slowest: slowest()}
	if err == nil {
		return l, nil
	}
	var all []string
	for i, t := range result.Targets {
		if !t.Settled {
			why := "no answer"
			if t.Reason != nil {
				why = t.Reason.Error()
				l.mute = l.mute && unheard(t.Reason)
			}
			all = append(all, fmt.Sprintf("%s: %s", c.plan.Members[i].Name, why))
		}
	}
	l.ill = strings.Join(all, "; ")
	return l, err
}

// unheard says that a check came to no answer, which may be of our own making.
func unheard(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, health.ErrNotAsked) || errors.Is(err, health.ErrNotAtOnce)
}

// Leader asks who leads; nil if nobody does, or nobody can tell.
func (c *Cluster) Leader(ctx context.Context) (*plan.Member, error) {
	out, err := c.call(ctx, c.plan.Leader, nil, time.Duration(c.plan.Defaults.Timeout), sinks{})
	if err != nil {
		return nil, fmt.Errorf("leader command: %w", err)
	}
	words := strings.Fields(out)
	if len(words) == 0 {
		return nil, errors.New("leader command: it printed nothing")
	}
	if m := c.plan.Member(words[0]); m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("leader command: it printed %q, which is neither a member nor an address of one", words[0])
}
