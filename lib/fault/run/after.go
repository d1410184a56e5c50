package run

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"pidbox/lib/fault"
)

func (t *trial) startLoads() error {
	for _, argv := range t.plan.Load {
		j, err := beginKept(argv, t.env())
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
		t.loads = append(t.loads, j)
	}
	return nil
}

// stopLoads ends the loads. One that had ended by itself must have ended well, and one that was told to end must not
// say otherwise.
func (t *trial) stopLoads() (err error) {
	for i, j := range t.loads {
		early := false
		select {
		case <-j.done:
			early = true
		default:
		}
		j.end()
		if err == nil && (early && j.failure() != nil || !early && !j.harmless()) {
			err = fmt.Errorf("load %d failed: %w", i+1, j.failure())
		}
	}
	t.loads = nil
	return err
}

func (t *trial) check(ctx context.Context) (err error) {
	c := t.plan.Check
	if c == nil {
		return nil
	}
	for t.result.Tries = 1; ; t.result.Tries++ {
		if err = callKept(ctx, c.Exec, t.env(), time.Duration(c.Timeout)); err == nil {
			return nil
		}
		if t.result.Tries == c.Tries || ctx.Err() != nil {
			return fmt.Errorf("check: %w", err)
		}
		sleep(ctx, time.Duration(c.Pause))
	}
}

// afterFailure keeps what shows the failure, and brings the cluster back for the next case: with its data moved away
// where the agents can do that, for what failed once would otherwise fail all that follows.
func (t *trial) afterFailure(ctx context.Context) error {
	on := t.plan.OnFailure
	if len(on.Exec) > 0 {
		t.also("on_failure", callKept(ctx, on.Exec, append(t.env(), "FAULT_REASON="+t.result.Reason), 5*time.Minute))
	}
	statuses, err := t.Statuses(ctx)
	if err != nil {
		_ = t.Heal()
		return err
	}
	archive := on.Archive == nil || *on.Archive
	for _, s := range statuses {
		archive = archive && s.Dir
	}
	if archive {
		t.options.Step(t.Name + ": moving the members' data away")
		var mu sync.Mutex
		t.also("archive", t.each(nil, func(a *client) error {
			s, err := a.order(ctx, "archive", fault.Order{Stacks: on.Stacks})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				t.result.Archives = append(t.result.Archives, a.member+" "+s.Archive)
			}
			return err
		}))
		slices.Sort(t.result.Archives)
	}
	if err := t.Heal(); err != nil {
		return fmt.Errorf("heal after case %s: %w", t.Name, err)
	}
	if err := t.Healthy(ctx, t.plan.RecoverOf(t.Case)); err != nil {
		return fmt.Errorf("after case %s the cluster did not come back: %w", t.Name, err)
	}
	return nil
}
