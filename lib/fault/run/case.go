package run

import (
	"context"
	"errors"
	"fmt"
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
	loads   []*load
	stopped []*load            // those of this case that have ended
	traffic plan.Traffic       // what they are held to
	number  int                // of the case in its round
	changed chan time.Duration // the fail-over, once seen
	scratch string             // the case's directory in the evidence, and for its commands
	undoing *job               // of a fault exec: what will run its undo
	id      string             // of the fault, for the agents
	suffix  string             // of files of the evidence, of a fault beside another
	logged  map[string]int64   // how long the members' logs were before
	company *company           // the faults beside this one; nil before it is set

	flowing, struck, recoveredAt time.Time     // since when the loads run, the fault is set, and all is well again
	over                         time.Time     // the agents end the fault themselves
	slowest                      time.Duration // turn of this machine while the fault held
}

// skip is a case that cannot be run here.
type skip struct{ reason string }

func (s skip) Error() string { return s.reason }

// runCase runs one case to its verdict. Its error ends the run: an agent is gone, ctx is done, or the cluster does not
// come back.
func (c *Cluster) runCase(ctx context.Context, one plan.Case, round, number int) (result report.Case, fatal error) {
	// the targets are never nil, which each would take for all
	t := &trial{Cluster: c, Case: one, hold: c.plan.HoldOf(one), traffic: c.plan.TrafficOf(one), number: number, changed: make(chan time.Duration, 1), id: faultID}
	t.result = report.Case{Name: one.Name, Round: round,
		Fault: strings.TrimSpace(one.Fault + " " + one.Shape), Targets: []string{},
		Outcome: report.Fail, Started: time.Now()}
	if t.scratch, fatal = c.evidence.forCase(round, number, one.Name); fatal != nil {
		t.result.Reason, t.result.Ended = fatal.Error(), time.Now()
		return t.result, fatal
	}
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
	t.markLogs(ctx)
	lapses := c.lapses.Load()
	err := t.judge(ctx)
	if err != nil && c.lapses.Load() > lapses {
		err = t.unheld(err)
	}
	t.stopLoads()
	t.keepLogs(context.WithoutCancel(ctx))
	t.count()
	if err != nil {
		t.result.Reason = err.Error()
	}
	t.undo(ctx)
	t.result.Idle = errors.As(err, new(idle))
	if bad := (*violation)(nil); errors.As(err, &bad) {
		t.result.Picture = bad.picture
	}
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
	if open := (unsure{}); errors.As(err, &open) {
		t.result.Outcome = report.Unknown
	}
	return result, t.afterFailure(ctx)
}

// judge is the case itself. Nil is PASS.
func (t *trial) judge(ctx context.Context) error {
	t.now("waiting until every member is healthy")
	if err := t.Healthy(ctx, t.plan.RecoverOf(t.Case), 0); err != nil {
		return fmt.Errorf("before the fault: %w", err)
	}
	if err := t.aim(ctx); err != nil {
		return err
	}
	t.note("before", t.before)
	t.flowing = time.Now()
	if err := t.startLoads(); err != nil {
		return err
	}
	t.now("traffic before the fault")
	if err := t.flow(ctx, t.flowing, time.Duration(*t.traffic.Warmup), "before the fault"); err != nil {
		return err
	}
	if err := t.hook(ctx, "before", t.Before); err != nil {
		return err
	}
	t.options.Step(fmt.Sprintf("%s: %s on %s", t.Name, t.result.Fault, strings.Join(t.result.Targets, ",")))
	t.now("%s", strings.TrimSuffix(t.result.Fault+" on "+strings.Join(t.result.Targets, ","), " on "))
	t.result.Injected = time.Now()
	ended, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	if err := t.inject(ctx); err != nil {
		return t.unless501(err)
	}
	t.struck = time.Now()
	t.accompany(ctx)
	defer t.leaves()
	if t.deposed() {
		go t.watchLeader(ended)
	}
	if err := t.settled(ctx, "no effect"); err != nil {
		return err
	}
	if err := t.hook(ctx, "held", t.Held); err != nil {
		return err
	}
	slowest := t.turn.pulse(ctx)
	err := t.holdOn(ctx)
	if t.slowest = slowest(); err != nil {
		return err
	}
	t.meet()
	if err := t.effective(ctx); err != nil {
		return err
	}
	t.now("healing, and waiting until every member is healthy")
	t.result.Healed = time.Now()
	served := t.served()
	if err := t.heal(ctx); err != nil {
		return fmt.Errorf("heal: %w", err)
	}
	t.company.ends(0)
	t.options.Step(t.Name + ": healed")
	if err := t.hook(ctx, "after", t.After); err != nil {
		return err
	}
	if err := t.company.over(); err != nil {
		return err
	}
	t.result.Healed = t.company.end
	if err := t.recovered(ctx); err != nil {
		return err
	}
	t.recoveredAt = t.result.Healed.Add(t.result.Recover)
	t.failover(ctx)
	t.now("traffic after the recovery")
	if err := t.flow(ctx, time.Now(), time.Duration(*t.traffic.Cooldown), "after the recovery"); err != nil {
		return err
	}
	if err := t.stopLoads(); err != nil {
		return err
	}
	t.count()
	if served != nil {
		return served
	}
	if err := t.spoiled(); err != nil {
		return err
	}
	t.now("checking")
	if err := t.check(ctx); err != nil {
		return err
	}
	if err := t.judgeHistories(t.plan.CheckOf(t.Case), t.stopped, t.scratch); err != nil {
		return err
	}
	return t.strangers(ctx)
}

// unheld is a failure in a case in which the agents were without orders for longer than the lease, and healed by themselves.
func (t *trial) unheld(err error) error {
	gone := (*UnreachableError)(nil)
	if errors.As(err, &gone) || errors.As(err, &skip{}) || errors.As(err, new(*violation)) {
		return err
	}
	return unsure{fmt.Sprintf("%v; but this machine was too busy to renew the leases in time, and the agents may have ended the fault themselves", err)}
}

// hook runs a command of the plan's, which may give orders to the agents under this run's lease.
func (t *trial) hook(ctx context.Context, name string, argv plan.Command) error {
	if len(argv) == 0 {
		return nil
	}
	to, done := t.log(name)
	defer done()
	if err := t.callKept(ctx, argv, t.env(), time.Duration(t.plan.Defaults.Timeout), to); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (t *trial) unless501(err error) error {
	if Unsupported(err) {
		return skip{err.Error()}
	}
	return fmt.Errorf("inject: %w", err)
}

// undo heals what no agent would: a fault exec that is still in force.
func (t *trial) undo(ctx context.Context) {
	if t.undoing != nil {
		t.also("undo", t.heal(context.WithoutCancel(ctx)))
	}
}

// afterFailure keeps what shows the failure, and brings the cluster back for the next case: with its data moved away if
// the plan says so, and made anew by setup.
func (t *trial) afterFailure(ctx context.Context) error {
	t.now("it has failed; bringing the members back")
	on := t.plan.OnFailure
	if len(on.Exec) > 0 {
		to, done := t.log("on_failure")
		t.also("on_failure", t.callKept(ctx, on.Exec, append(t.env(), "FAULT_REASON="+t.result.Reason), 5*time.Minute, to))
		done()
	}
	statuses, err := t.Statuses(ctx)
	if err != nil {
		_ = t.Heal()
		return err
	}
	t.note("failed", statuses)
	archive := on.Archive
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
	if archive && len(t.plan.Setup) > 0 {
		if err := t.hook(ctx, "setup", t.plan.Setup); err != nil {
			return &UnhealthyError{fmt.Sprintf("after case %s the members could not be made anew: %v", t.Name, err)}
		}
	}
	if err := t.Healthy(ctx, t.plan.RecoverOf(t.Case), 0); err != nil {
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
		"FAULT_DIR=" + t.scratch, "FAULT_RUN=" + t.run, LeaseVariable + "=" + t.lease, "FAULT_TARGETS=" + strings.Join(t.result.Targets, " "),
		"FAULT_MEMBERS=" + strings.Join(t.names(), " ")}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
