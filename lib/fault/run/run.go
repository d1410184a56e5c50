// Package run drives the cases of a plan on a cluster by its agents, and judges the recovery. Whatever ends it, it
// heals what it has broken; if it is killed, the agents do so when its lease or the hold is over.
package run

import (
	"context"
	"fmt"
	"path"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/fault/plan"
	"pidbox/lib/fault/report"
)

// Options say which part of a plan is run, and who hears of it.
type Options struct {
	Case  string            // pattern of names as in path.Match; "" is all
	Owner string            // of the lease, for the message that other testers get
	Step  func(string)      // each step
	Ended func(report.Case) // each case
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
	c, err := Connect(ctx, p, o)
	if err != nil {
		return r, err
	}
	statuses, err := c.Statuses(ctx)
	if err != nil {
		return r, err
	}
	cases, err := c.chosen(statuses)
	if err != nil {
		return r, err
	}
	if err := c.Take(ctx); err != nil {
		return r, err
	}
	defer c.Leave()
	defer func() {
		if healed := c.Heal(); healed != nil && err == nil {
			err = fmt.Errorf("heal: %w", healed)
		}
	}()
	c.options.Step("starting the members that do not run")
	if err := c.each(nil, func(a *client) error { _, err := a.order(ctx, "start", fault.Order{}); return err }); err != nil {
		return r, err
	}
	if err := c.Healthy(ctx, time.Duration(p.Defaults.Recover)); err != nil {
		return r, err
	}
	watch := c.watch()
	defer func() { r.Spans = watch.end() }()
	return r, c.rounds(ctx, r, cases)
}

func (c *Cluster) rounds(ctx context.Context, r *report.Run, cases []plan.Case) error {
	for round := 1; round <= c.plan.Rounds; round++ {
		for _, i := range c.plan.Order(len(cases), round) {
			result, err := c.runCase(ctx, cases[i], round)
			r.Cases = append(r.Cases, result)
			c.options.Ended(result)
			if err != nil {
				return err
			}
			if result.Outcome == report.Fail && c.plan.OnFailure.Stop {
				return nil
			}
		}
	}
	return nil
}

// chosen are the cases that the pattern names; their holds must be allowed.
func (c *Cluster) chosen(statuses map[string]fault.Status) ([]plan.Case, error) {
	var cases []plan.Case
	for _, one := range c.plan.Cases {
		if c.options.Case != "" {
			if ok, _ := path.Match(c.options.Case, one.Name); !ok {
				continue
			}
		}
		for _, name := range c.names() {
			if longest := time.Duration(statuses[name].MaxHold); c.plan.HoldOf(one) > longest-margin && one.Fault != plan.None && one.Fault != plan.Exec {
				return nil, &HoldError{fmt.Sprintf("case %s: hold of %v, and %v more, is above the longest of the agent of %s, %v",
					one.Name, c.plan.HoldOf(one), margin, name, longest)}
			}
		}
		cases = append(cases, one)
	}
	if len(cases) == 0 {
		return nil, &HoldError{fmt.Sprintf("no case is called %s", c.options.Case)}
	}
	return cases, nil
}
