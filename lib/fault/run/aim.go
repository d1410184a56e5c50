package run

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pidbox/lib/fault/plan"
)

// aim finds out who leads, draws the targets, and skips what they cannot have.
func (t *trial) aim(ctx context.Context) (err error) {
	leader := ""
	if len(t.plan.Leader) > 0 {
		needed := t.On.Choice == plan.Leader || t.On.Choice == plan.Follower
		if t.leader, err = t.findLeader(ctx, needed); err != nil {
			return err
		}
		if t.leader != nil {
			leader = t.leader.Name
		}
	}
	t.peers = map[string][]string{}
	if t.Fault == plan.Partition {
		sides, err := t.plan.Sides(t.Case, t.result.Round)
		if err != nil {
			return err
		}
		for _, n := range t.names() {
			if len(sides[n]) > 0 {
				t.result.Targets = append(t.result.Targets, n)
				t.peers[n] = t.plan.Addresses(sides[n])
			}
		}
	} else {
		drawn, err := t.plan.Draw(t.Case, t.result.Round, leader)
		if err != nil {
			return err
		}
		t.result.Targets = append(t.result.Targets, drawn...)
		for _, n := range t.result.Targets {
			t.peers[n] = t.plan.Addresses(t.plan.Others(n))
		}
	}
	if t.before, err = t.Statuses(ctx); err != nil {
		return err
	}
	kind := t.plan.Spec(t.Case, nil, 0).Kind
	for _, n := range t.result.Targets {
		if why, no := t.before[n].Unsupported[kind]; no {
			return skip{fmt.Sprintf("%s is not supported on %s: %s", kind, n, why)}
		}
		if t.Fault == plan.Wipe && !t.before[n].Dir {
			return skip{fmt.Sprintf("the agent of %s has no directory to wipe", n)}
		}
	}
	return nil
}

func (t *trial) findLeader(ctx context.Context, needed bool) (*plan.Member, error) {
	for end := time.Now().Add(t.plan.RecoverOf(t.Case)); ; {
		m, err := t.Leader(ctx)
		if err == nil || !needed || ctx.Err() != nil {
			return m, ctx.Err()
		}
		if time.Now().After(end) {
			return nil, err
		}
		sleep(ctx, 100*time.Millisecond)
	}
}

// watchLeader sees when another member leads.
func (t *trial) watchLeader(ctx context.Context) {
	for ctx.Err() == nil {
		if m, err := t.Leader(ctx); err == nil && m.Name != t.leader.Name {
			t.changed <- time.Since(t.result.Injected)
			return
		}
		sleep(ctx, 50*time.Millisecond)
	}
}

// failover takes what watchLeader has seen, or is about to.
func (t *trial) failover(ctx context.Context) {
	select {
	case t.result.Failover = <-t.changed:
		return
	default:
	}
	if t.leader == nil || !slices.Contains(t.result.Targets, t.leader.Name) {
		return
	}
	if m, err := t.Leader(ctx); err == nil && m.Name != t.leader.Name {
		select {
		case t.result.Failover = <-t.changed:
		case <-time.After(time.Duration(t.plan.Defaults.Timeout)):
		}
	}
}
