// Package explore looks for what breaks a cluster: it draws cases of faults that may overlap, so that each fault strikes each
// role at each moment, runs them, and shrinks the first that fails to the fewest faults that still do. What it has drawn, and
// what it has found, it writes as plans.
package explore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"pidbox/lib/fault/plan"
	"pidbox/lib/fault/report"
	"pidbox/lib/fault/run"
)

// Options say for how long, and how wildly.
type Options struct {
	run.Options          // Evidence is the directory for all
	Faults      []string // "" are all that the agents can do
	Overlap     int      // faults of a case at most
	Votes       int      // runs of a smaller case, of which most must fail
	Lasting     time.Duration
}

// Found is what has come of it.
type Found struct {
	Case   *report.Case // that has failed first; nil for none
	Faults []string     // that were drawn from
	Drawn  string       // the plan of all that was drawn
	Shrunk string       // the plan of the smallest case that fails; "": none
	From   int          // faults of the case as it was drawn
	To     int          // and of the smallest
	Failed int          // of the votes on the smallest case
	Votes  int
	Why    string // it was not shrunk
}

// FaultError is a fault that cannot be had here.
type FaultError struct {
	Fault string
	Known []string
}

func (e *FaultError) Error() string {
	return fmt.Sprintf("fault %s is not among %v, which can be drawn here", e.Fault, e.Known)
}

// Run explores until the time is over or a case has failed. The report has every case that was drawn.
func Run(ctx context.Context, p *plan.Plan, o Options) (*report.Run, *Found, error) {
	e := &explorer{plan: p, Options: o, found: &Found{Votes: o.Votes}, total: &report.Run{Name: p.Name, Seed: p.Seed, Started: time.Now()}}
	err := e.explore(ctx)
	e.total.Ended = time.Now()
	if err != nil {
		e.total.Error = err.Error()
	}
	return e.total, e.found, err
}

type explorer struct {
	Options
	plan  *plan.Plan
	found *Found
	total *report.Run
	dir   string
	runs  int
}

func (e *explorer) explore(ctx context.Context) (err error) {
	c, err := run.Connect(ctx, e.plan, e.Options.Options)
	if err != nil {
		return err
	}
	statuses, err := c.Statuses(ctx)
	if err != nil {
		return err
	}
	known := Faults(e.plan, statuses)
	for _, f := range e.Faults {
		if !slices.Contains(known, f) {
			return &FaultError{f, known}
		}
	}
	if e.found.Faults = e.Faults; len(e.Faults) == 0 {
		e.found.Faults = known
	}
	if e.dir, err = directory(e.Evidence); err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	e.total.Evidence, e.found.Drawn = e.dir, filepath.Join(e.dir, "explored.yaml")
	d := newDrawer(e.plan, e.found.Faults, e.Overlap)
	var drawn []plan.Case
	for began := time.Now(); ctx.Err() == nil && (len(drawn) == 0 || time.Since(began) < e.Lasting); {
		one := d.next()
		drawn = append(drawn, one)
		head := fmt.Sprintf("Drawn by fault-tester explore --seed %d, and run in this order.", e.plan.Seed)
		if err := write(e.found.Drawn, e.plan, drawn, head); err != nil {
			return err
		}
		result, err := e.run(ctx, one)
		if result.Name != "" {
			e.total.Cases = append(e.total.Cases, result)
			e.Ended(result)
			d.saw(result)
		}
		if result.Outcome == report.Fail && !result.Idle && ctx.Err() == nil {
			e.found.Case = &result
			return e.shrink(ctx, one, err)
		}
		if err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

func directory(given string) (string, error) {
	if given == "" {
		return os.MkdirTemp("", "fault-tester-")
	}
	if err := os.MkdirAll(given, 0o755); err != nil {
		return "", err
	}
	if there, err := os.ReadDir(given); err != nil || len(there) > 0 {
		return "", fmt.Errorf("%s is not empty", given)
	}
	return filepath.Abs(given)
}

// run runs one case. Its evidence is kept if it has not passed.
func (e *explorer) run(ctx context.Context, one plan.Case) (report.Case, error) {
	p := *e.plan
	p.Cases, p.Rounds = []plan.Case{one}, 1
	o := e.Options.Options
	e.runs++
	o.Evidence, o.Ended, o.For, o.Ever = filepath.Join(e.dir, fmt.Sprintf("run-%d", e.runs)), nil, 0, false
	r, err := run.Run(ctx, &p, o)
	e.total.Members, e.total.Spans = r.Members, append(e.total.Spans, r.Spans...)
	if e.total.ID == "" {
		e.total.ID = r.ID
	}
	var result report.Case
	for _, c := range r.Cases { // a load across cases has one of its own
		if result.Name == "" || c.Outcome == report.Fail && result.Outcome != report.Fail {
			if result.Name != "" {
				c.Struck = result.Struck
			}
			result = c
		}
	}
	if err == nil && result.Outcome == report.Pass {
		err = os.RemoveAll(o.Evidence)
	}
	return result, err
}

// shrink looks for the fewest faults of a case that still fail.
func (e *explorer) shrink(ctx context.Context, one plan.Case, broken error) error {
	f := e.found
	faults := apart(one)
	f.From, f.To = len(faults), len(faults)
	switch {
	case broken != nil:
		f.Why = fmt.Sprintf("it is not shrunk: %v", broken)
		return nil
	case len(faults) == 1:
		return e.keep(one)
	}
	name := one.Name
	var failure error
	try := func(some []plan.Also) bool {
		if ctx.Err() != nil || failure != nil {
			return false
		}
		c := build(name, some)
		e.Step(fmt.Sprintf("shrinking: %d of %d faults", len(some), f.From))
		result, err := e.run(ctx, c)
		if err != nil && result.Outcome != report.Fail {
			failure = err
		}
		return result.Outcome == report.Fail && !result.Idle
	}
	failed := 0
	for range e.Votes {
		if try(faults) {
			failed++
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if failed == 0 {
		f.Why = fmt.Sprintf("it is not shrunk: it did not fail again (runs: %d)", e.Votes)
		return failure
	}
	f.Failed = failed
	// Of what fails seldom, a vote is several runs: one that fails by chance must not outvote those that do not.
	j := jury{e.Votes, e.Votes/2 + 1, (e.Votes + failed - 1) / failed}
	left := shrink(faults, func(some []plan.Also) bool {
		failed, votes, yes := j.decides(func() bool { return try(some) })
		if yes {
			f.Failed, f.Votes = failed, votes
		}
		return yes
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if failure != nil {
		return failure
	}
	f.To = len(left)
	return e.keep(build(name, left))
}

func (e *explorer) keep(one plan.Case) error {
	e.found.Shrunk = filepath.Join(e.dir, "shrunk.yaml")
	head := fmt.Sprintf("The smallest case that fails, of %s of fault-tester explore --seed %d.", one.Name, e.plan.Seed)
	return write(e.found.Shrunk, e.plan, []plan.Case{one}, head)
}
