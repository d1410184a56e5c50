package run

import (
	"context"
	"slices"
	"time"

	"pidbox/lib/fault/plan"
)

// findLeader asks who leads, and again where one is needed. Those that are taken lead no more, whatever they say.
func (t *trial) findLeader(ctx context.Context, needed bool, taken []string) (*plan.Member, error) {
	for end := time.Now().Add(t.plan.RecoverOf(t.Case)); ; {
		m, err := t.Leader(ctx)
		if err == nil && slices.Contains(taken, m.Name) {
			m, err = nil, skip{"no other member leads"}
		}
		if err == nil || !needed || ctx.Err() != nil {
			return m, ctx.Err()
		}
		if time.Now().After(end) {
			return nil, err
		}
		sleep(ctx, 100*time.Millisecond)
	}
}

// deposed says whether the leader is hit, and there are others that could lead.
func (t *trial) deposed() bool {
	return t.leader != nil && slices.Contains(t.result.Targets, t.leader.Name) && len(t.result.Targets) < len(t.plan.Members)
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
	if !t.deposed() {
		return
	}
	if m, err := t.Leader(ctx); err == nil && m.Name != t.leader.Name {
		select {
		case t.result.Failover = <-t.changed:
		case <-time.After(time.Duration(t.plan.Defaults.Timeout)):
		}
	}
}
