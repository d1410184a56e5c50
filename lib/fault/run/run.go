// Package run drives the cases of a plan on a cluster by its agents, and judges the recovery. Whatever ends it, it
// heals what it has broken; if it is killed, the agents do so when its lease or the hold is over.
package run

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/fault/plan"
	"pidbox/lib/fault/report"
)

// Options say which part of a plan is run, and who hears of it.
type Options struct {
	Owner string        // of the lease, for the message that other testers get
	Wait  time.Duration // for a lease that another tester has
	Lease string        // Do: that of the run on whose behalf it acts
	For   time.Duration // begin rounds for so long, whatever the plan says; 0: as many as it says
	Ever  bool          // begin rounds until something ends the run
	Limit time.Duration // of the whole run; 0: none

	Evidence string            // the directory for it; "" is one that is removed after a run in which nothing went wrong
	Step     func(string)      // each step
	Now      func(string)      // what is being done, for who watches; by one goroutine at a time
	Ended    func(report.Case) // each case
}

// HoldError is a hold that an agent does not allow.
type HoldError struct{ Text string }

func (e *HoldError) Error() string { return e.Text }

// UnhealthyError is a cluster that did not become healthy.
type UnhealthyError struct{ Text string }

func (e *UnhealthyError) Error() string { return e.Text }

// The lease lasts several renewals, so that a slow one ends nothing.
const (
	leaseTTL   = 10 * time.Second
	leaseRenew = 2 * time.Second
)

// margin is what the agents' holds are longer than the tester's, which ends a fault itself and judges it before: long,
// for a loaded machine.
const margin = 5 * time.Second

// LeaseVariable is the environment variable by which a hook's "fault-tester do" acts for the run that has called it.
const LeaseVariable = "FAULT_LEASE"

// faultID is the name under which the tester puts its faults.
const faultID = "fault-tester"

// Run takes the cluster, starts the members that do not run, and runs the rounds. The report is there whatever the
// error; a case that failed is none.
func Run(ctx context.Context, p *plan.Plan, o Options) (r *report.Run, err error) {
	r = &report.Run{Name: p.Name, Seed: p.Seed, Started: time.Now()}
	for _, m := range p.Members {
		r.Members = append(r.Members, m.Name)
	}
	defer func() {
		r.Ended = time.Now()
		if err != nil {
			r.Error = err.Error()
		}
	}()
	if o.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.Limit, &DeadlineError{o.Limit})
		defer cancel()
	}
	c, err := Connect(ctx, p, o)
	if err != nil {
		return r, err
	}
	statuses, err := c.Statuses(ctx)
	if err != nil {
		return r, err
	}
	if err := c.holds(statuses); err != nil {
		return r, err
	}
	if err := c.Take(ctx); err != nil {
		return r, err
	}
	defer c.Leave()
	if c.evidence, err = c.gather(); err != nil {
		return r, err
	}
	c.run = strings.ToLower(c.lease[:8])
	r.ID = c.run
	defer func() {
		if r.Ended = time.Now(); err != nil {
			r.Error = err.Error()
		}
		clean := err == nil && r.Count(report.Fail)+r.Count(report.Unknown) == 0
		err = errors.Join(err, c.evidence.finish(r, clean))
	}()
	defer func() {
		if healed := c.Heal(); healed != nil {
			err = errors.Join(err, healed)
		}
	}()
	c.options.Step("starting the members that do not run")
	c.now("waiting until every member is healthy")
	if err := c.each(nil, func(a *client) error { _, err := a.order(ctx, "start", fault.Order{}); return err }); err != nil {
		return r, err
	}
	if err := c.Healthy(ctx, time.Duration(p.Defaults.Recover), 0); err != nil {
		return r, err
	}
	watch := c.watch()
	defer func() { r.Spans = watch.end() }()
	err = c.startAcross()
	if err == nil {
		err = c.rounds(ctx, r, p.Cases)
	}
	c.stopAcross(r)
	return r, err
}

// DeadlineError is a run that took longer than it may.
type DeadlineError struct{ Limit time.Duration }

func (e *DeadlineError) Error() string { return fmt.Sprintf("the run was stopped after %v", e.Limit) }

// Unwrap says that it is a time limit.
func (e *DeadlineError) Unwrap() error { return context.DeadlineExceeded }

// rounds runs the cases, and notes those that never came to run.
func (c *Cluster) rounds(ctx context.Context, r *report.Run, cases []plan.Case) error {
	for round := 1; c.another(round, r.Started); round++ {
		order := c.plan.Order(len(cases), round)
		for n, i := range order {
			c.doing = fmt.Sprintf("round %d, case %d of %d, %s", round, n+1, len(order), cases[i].Name)
			result, err := c.runCase(ctx, cases[i], round, n+1)
			r.Cases = append(r.Cases, result)
			c.options.Ended(result)
			if err == nil && (result.Outcome != report.Fail || !c.plan.OnFailure.Stop) {
				continue
			}
			for _, left := range order[n+1:] {
				r.NotRun = append(r.NotRun, fmt.Sprintf("round %d %s", round, cases[left].Name))
			}
			if later := int(c.plan.Rounds) - round; later > 0 && c.options.For == 0 && !c.options.Ever {
				r.NotRun = append(r.NotRun, fmt.Sprintf("rounds %d to %d", round+1, c.plan.Rounds))
			}
			return err
		}
	}
	return nil
}

func (c *Cluster) another(round int, began time.Time) bool {
	switch {
	case c.options.Ever:
		return true
	case c.options.For > 0:
		return round == 1 || time.Since(began) < c.options.For
	}
	return round <= int(c.plan.Rounds)
}

// holds says whether every agent allows the holds of the cases.
func (c *Cluster) holds(statuses map[string]fault.Status) error {
	for _, one := range c.plan.Cases {
		for _, name := range c.names() {
			longest := time.Duration(statuses[name].MaxHold)
			for _, f := range one.Faults() {
				if c.plan.HoldOf(f) > longest-margin && f.Fault != plan.None && f.Fault != plan.Exec {
					return &HoldError{fmt.Sprintf("case %s: hold of %v, and %v more, is above the longest of the agent of %s, %v",
						f.Name, c.plan.HoldOf(f), margin, name, longest)}
				}
			}
		}
	}
	return nil
}
