package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/fault/plan"
	"pidbox/lib/fault/report"
)

// trial is a case while it runs.
type trial struct {
	*Cluster
	plan.Case
	result  report.Case
	hold    time.Duration
	peers   map[string][]string // of a network fault: for each target the addresses that are cut off
	leader  *plan.Member        // before the fault; nil: nobody, or not asked
	before  map[string]fault.Status
	loads   []*job
	changed chan time.Duration // the fail-over, once seen
	scratch string             // a directory for the case's commands
}

// skip is a case that cannot be run here.
type skip struct{ reason string }

func (s skip) Error() string { return s.reason }

// runCase runs one case to its verdict. Its error ends the run: an agent is gone, ctx is done, or the cluster does not
// come back.
func (c *Cluster) runCase(ctx context.Context, one plan.Case, round int) (result report.Case, fatal error) {
	// the targets are never nil, which each would take for all
	t := &trial{Cluster: c, Case: one, hold: c.plan.HoldOf(one), changed: make(chan time.Duration, 1)}
	t.result = report.Case{Name: one.Name, Round: round,
		Fault: strings.TrimSpace(one.Fault + " " + one.Shape), Targets: []string{},
		Outcome: report.Fail, Started: time.Now()}
	if t.scratch, fatal = os.MkdirTemp("", "fault-tester-"); fatal != nil {
		t.result.Reason, t.result.Ended = fatal.Error(), time.Now()
		return t.result, fatal
	}
	defer os.RemoveAll(t.scratch)
	defer func() {
		if p := recover(); p != nil {
			t.stopLoads()
			t.undo(ctx)
			_ = c.Heal()
			panic(p)
		}
		t.result.Ended = time.Now()
		result = t.result
	}()
	err := t.judge(ctx)
	t.stopLoads()
	if err != nil {
		t.result.Reason = err.Error()
	}
	t.undo(ctx)
	if err == nil {
		t.result.Outcome = report.Pass
		return result, nil
	}
	if no := (skip{}); errors.As(err, &no) {
		t.result.Outcome = report.Skip
		return result, c.Heal()
	}
	if ctx.Err() != nil {
		return result, context.Cause(ctx) // Run heals
	}
	if gone := (*UnreachableError)(nil); errors.As(err, &gone) {
		_ = c.Heal()
		return result, err
	}
	return result, t.afterFailure(ctx)
}

// judge is the case itself. Nil is PASS.
func (t *trial) judge(ctx context.Context) error {
	if err := t.Healthy(ctx, t.plan.RecoverOf(t.Case)); err != nil {
		return fmt.Errorf("before the fault: %w", err)
	}
	if err := t.aim(ctx); err != nil {
		return err
	}
	if err := t.startLoads(); err != nil {
		return err
	}
	t.options.Step(fmt.Sprintf("%s: %s on %s", t.Name, t.result.Fault, strings.Join(t.result.Targets, ",")))
	t.result.Injected = time.Now()
	ended, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	if err := t.inject(ctx); err != nil {
		return t.unless501(err)
	}
	if t.leader != nil && slices.Contains(t.result.Targets, t.leader.Name) {
		go t.watchLeader(ended)
	}
	if err := t.settled(ctx, "no effect"); err != nil {
		return err
	}
	if err := t.holdOn(ctx); err != nil {
		return err
	}
	if err := t.effective(ctx); err != nil {
		return err
	}
	t.result.Healed = time.Now()
	if err := t.heal(ctx); err != nil {
		return fmt.Errorf("heal: %w", err)
	}
	t.options.Step(t.Name + ": healed")
	if err := t.recovered(ctx); err != nil {
		return err
	}
	t.failover(ctx)
	if err := t.stopLoads(); err != nil {
		return err
	}
	if err := t.check(ctx); err != nil {
		return err
	}
	return t.strangers(ctx)
}

func (t *trial) unless501(err error) error {
	if Unsupported(err) {
		return skip{err.Error()}
	}
	return fmt.Errorf("inject: %w", err)
}

// undo heals what no agent would: a fault exec that is still in force.
func (t *trial) undo(ctx context.Context) {
	if t.Fault == plan.Exec && !t.result.Injected.IsZero() && t.result.Healed.IsZero() {
		t.also("undo", t.heal(context.WithoutCancel(ctx)))
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

// also says what went wrong besides the reason of the failure.
func (t *trial) also(what string, err error) {
	if err != nil {
		t.result.Reason += fmt.Sprintf("; %s: %v", what, err)
	}
}

func (t *trial) env() []string {
	return []string{"FAULT_CASE=" + t.Name, "FAULT_ROUND=" + strconv.Itoa(t.result.Round),
		"FAULT_DIR=" + t.scratch, "FAULT_TARGETS=" + strings.Join(t.result.Targets, " "),
		"FAULT_MEMBERS=" + strings.Join(t.names(), " ")}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
