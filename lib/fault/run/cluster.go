package run

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
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
}

// Connect asks every agent how its member is, without taking it over.
func Connect(ctx context.Context, p *plan.Plan, o Options) (*Cluster, error) {
	if o.Step == nil {
		o.Step = func(string) {}
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
	_, err = c.Statuses(ctx)
	return c, err
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
	if err := take(ctx); err != nil {
		c.Leave()
		return err
	}
	renewing, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.renewed.Go(func() {
		ticker := time.NewTicker(leaseRenew)
		defer ticker.Stop()
		for {
			select {
			case <-renewing.Done():
				return
			case <-ticker.C:
				limited, cancel := context.WithTimeout(renewing, leaseTTL/2)
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
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = c.each(nil, func(a *client) error { _, err := a.do(ctx, "DELETE", "lease", nil); return err })
}

// Heal ends all faults, and starts what was stopped. It does what it can with the agents that answer.
func (c *Cluster) Heal() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return c.each(nil, func(a *client) error {
		if _, err := a.order(ctx, "heal", fault.Order{}); err != nil {
			return err
		}
		_, err := a.order(ctx, "start", fault.Order{})
		return err
	})
}

// Healthy waits until every member is healthy.
func (c *Cluster) Healthy(ctx context.Context, limit time.Duration) error {
	var checks []health.Check
	for _, m := range c.plan.Members {
		check, err := m.Health.Check()
		if err != nil {
			return err
		}
		checks = append(checks, check)
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	result, err := health.Until(limited, checks, health.Pace{TryTimeout: 2 * time.Second}, nil)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var ill []string
	for i, t := range result.Targets {
		if !t.Settled {
			why := "no answer"
			if t.Reason != nil {
				why = t.Reason.Error()
			}
			ill = append(ill, fmt.Sprintf("%s: %s", c.plan.Members[i].Name, why))
		}
	}
	return &UnhealthyError{fmt.Sprintf("not healthy within %v: %s", limit, strings.Join(ill, "; "))}
}

// Leader asks who leads; nil if nobody does, or nobody can tell.
func (c *Cluster) Leader(ctx context.Context) (*plan.Member, error) {
	out, err := call(ctx, c.plan.Leader, nil, time.Duration(c.plan.Defaults.Timeout))
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
