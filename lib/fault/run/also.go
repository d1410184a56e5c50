package run

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"pidbox/lib/fault/plan"
	"pidbox/lib/fault/report"
)

// company is the faults that overlap a case's own, or follow it. Each is a trial of its own, for its targets and its effect;
// the loads, the recovery and the verdict are the case's.
type company struct {
	mu      sync.Mutex
	taken   []string // those that have been hit, or will be now
	struck  []report.Strike
	inForce int
	end     time.Time // the last one was healed
	errs    []error
	cancel  context.CancelFunc
	done    sync.WaitGroup
	overlap sync.WaitGroup  // of those that are to strike while the case's own fault holds
	healed  []chan struct{} // of the case's own and of each in also: closed once it is
	aimed   []chan struct{} // closed once it is known whom it hits
}

// accompany starts what comes beside the case's fault, which has just been set.
func (t *trial) accompany(ctx context.Context) {
	t.company = &company{healed: []chan struct{}{make(chan struct{})}}
	ends := []time.Duration{t.hold} // when each is to be healed
	for _, one := range t.Also {
		t.company.healed = append(t.company.healed, make(chan struct{}))
		t.company.aimed = append(t.company.aimed, make(chan struct{}))
		ends = append(ends, time.Duration(one.At)+t.plan.HoldOf(one.Case))
	}
	if t.Until != nil { // nobody knows when
		ends[0] = math.MaxInt64
	}
	t.company.taken = slices.Clone(t.result.Targets)
	t.company.begins(t, report.Steady)
	ctx, t.company.cancel = context.WithCancel(ctx)
	for i, one := range t.Also {
		sub := &trial{Cluster: t.Cluster, Case: one.Case, hold: t.plan.HoldOf(one.Case), scratch: t.scratch, number: t.number, company: t.company,
			id: fmt.Sprintf("%s-%d", faultID, i+2), suffix: fmt.Sprintf("-%d", i+2)}
		sub.Recover = &t.plan.Defaults.Timeout // there may be no leader for long
		sub.result = report.Case{Name: one.Name, Round: t.result.Round, Targets: []string{}, Fault: one.Fault}
		struck := func() {}
		if time.Duration(one.At) < t.hold && t.Until == nil {
			t.company.overlap.Add(1)
			struck = sync.OnceFunc(t.company.overlap.Done)
		}
		var after []chan struct{} // and those that choose before this one does: the seed decides, and no race
		for j, other := range t.Also {
			if other.At < one.At || other.At == one.At && j < i {
				after = append(after, t.company.aimed[j])
			}
		}
		for j, end := range ends {
			if end <= time.Duration(one.At) && j != i+1 {
				after = append(after, t.company.healed[j])
			}
		}
		t.company.done.Go(func() {
			aimed := sync.OnceFunc(func() { close(t.company.aimed[i]) })
			defer close(t.company.healed[i+1])
			defer aimed()
			defer struck()
			if err := sub.strike(ctx, t.struck.Add(time.Duration(one.At)), after, aimed, struck); err != nil {
				t.company.fail(fmt.Errorf("%s: %w", one.Name, err))
			}
		})
	}
}

// begins notes a fault that was set.
func (c *company) begins(t *trial, phase report.Moment) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inForce++
	c.struck = append(c.struck, report.Strike{Fault: t.Fault, Targets: t.result.Targets, Role: t.role(), Moment: phase, From: time.Now()})
	return len(c.struck) - 1
}

// ends notes that it was healed.
func (c *company) ends(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.struck[i].To.IsZero() {
		c.inForce--
		c.end = time.Now()
		c.struck[i].To = c.end
		if i == 0 {
			close(c.healed[0])
		}
	}
}

// meet waits until those have struck that are to overlap this case's fault, which may be late on a slow machine: for as long
// as it has until its agent ends it.
func (t *trial) meet() {
	all := make(chan struct{})
	go func() {
		t.company.overlap.Wait()
		close(all)
	}()
	limit := 30 * time.Second
	if plan.Networked(t.Fault) || t.Fault == plan.Fill || plan.OnDisk(t.Fault) {
		limit = margin / 2
	}
	select {
	case <-all:
	case <-time.After(limit):
	}
}

func (c *company) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errs = append(c.errs, err)
}

func (c *company) take(names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = append(c.taken, names...)
}

func (c *company) busy() ([]string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.taken), c.inForce > 0
}

// over waits until all are healed, and says what was wrong with them.
func (c *company) over() error {
	if c == nil {
		return nil
	}
	c.done.Wait()
	c.cancel()
	return first(c.errs)
}

// role is what the targets were to the others, as far as the plan can tell.
func (t *trial) role() string {
	switch {
	case len(t.result.Targets) > 1 || t.Fault == plan.Partition:
		return report.Several
	case len(t.plan.Leader) == 0:
		return report.Member
	case t.leader != nil && slices.Contains(t.result.Targets, t.leader.Name):
		return report.Leader
	}
	return report.Follower
}

// strike sets a fault when its time has come and those are healed that were to end before, says that it did, holds it, and
// heals it whatever happens.
func (t *trial) strike(ctx context.Context, when time.Time, after []chan struct{}, aimed, struck func()) error {
	sleep(ctx, time.Until(when))
	for _, healed := range after {
		select {
		case <-healed:
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		return nil // the case has ended without it
	}
	taken, busy := t.company.busy()
	if err := t.aim(ctx, taken...); err != nil {
		return err
	}
	t.company.take(t.result.Targets)
	aimed()
	moment := report.Recovery
	if busy && len(t.plan.Leader) > 0 && t.leader == nil {
		moment = report.Election
	} else if busy {
		moment = report.During
	}
	t.options.Step(fmt.Sprintf("%s: %s", t.Name, t.Fault))
	if err := t.inject(ctx); err != nil {
		return t.unless501(err)
	}
	index := t.company.begins(t, moment)
	struck()
	defer func() {
		t.undo(ctx)
		t.company.ends(index)
	}()
	err := t.settled(ctx, "no effect")
	if err == nil {
		if sleep(ctx, t.hold); ctx.Err() == nil {
			err = t.effective(ctx)
		}
	}
	if healed := t.heal(context.WithoutCancel(ctx)); err == nil && healed != nil {
		err = fmt.Errorf("heal: %w", healed)
	}
	if ctx.Err() != nil { // the case has failed, and says why itself
		return nil
	}
	return err
}

// leaves ends what is beside a case that does not come to its end, and keeps what is known of it.
func (t *trial) leaves() {
	c := t.company
	if c == nil {
		return
	}
	c.cancel()
	c.done.Wait()
	t.result.Struck = c.struck
}
