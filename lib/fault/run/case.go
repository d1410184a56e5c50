package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
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
	t := &trial{Cluster: c, Case: one, hold: c.plan.HoldOf(one), changed: make(chan time.Duration, 1)}
	t.result = report.Case{Name: one.Name, Round: round, Fault: strings.TrimSpace(one.Fault + " " + one.Shape), Outcome: report.Pass, Started: time.Now()}
	if t.scratch, fatal = os.MkdirTemp("", "fault-tester-"); fatal != nil {
		return t.result, fatal
	}
	defer os.RemoveAll(t.scratch)
	defer func() {
		if p := recover(); p != nil {
			t.stopLoads()
			_ = c.Heal()
			panic(p)
		}
		t.result.Ended = time.Now()
		result = t.result
	}()
	err := t.judge(ctx)
	t.stopLoads()
	if t.Fault == plan.Exec && !t.result.Injected.IsZero() && t.result.Healed.IsZero() {
		if err := t.heal(context.WithoutCancel(ctx)); err != nil { // no agent would undo it
			t.options.Step(fmt.Sprintf("%s: undo: %v", t.Name, err))
		}
	}
	if err == nil {
		return result, nil
	}
	t.result.Outcome, t.result.Reason = report.Fail, err.Error()
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
	if err := t.settled(ctx); err != nil {
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
		if t.result.Targets, err = t.plan.Draw(t.Case, t.result.Round, leader); err != nil {
			return err
		}
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

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (t *trial) env() []string {
	return []string{"FAULT_CASE=" + t.Name, "FAULT_ROUND=" + strconv.Itoa(t.result.Round),
		"FAULT_DIR=" + t.scratch, "FAULT_TARGETS=" + strings.Join(t.result.Targets, " "), "FAULT_MEMBERS=" + strings.Join(t.names(), " ")}
}

func (t *trial) inject(ctx context.Context) error {
	hold := t.hold + margin
	if t.Fault == plan.Exec {
		_, err := call(ctx, t.Inject, t.env(), time.Duration(t.plan.Defaults.Timeout))
		return err
	}
	return t.each(t.targets(), func(a *client) error {
		var err error
		switch t.Fault {
		case plan.None:
		case plan.Kill, plan.Stop, plan.Pause, plan.Wipe:
			_, err = a.order(ctx, t.Fault, fault.Order{Hold: fault.Duration(hold)})
		default:
			_, err = a.do(ctx, "PUT", "faults/"+faultID, t.plan.Spec(t.Case, t.peers[a.member], hold))
		}
		return err
	})
}

// targets is never nil, which would mean all.
func (t *trial) targets() []string { return append([]string{}, t.result.Targets...) }

// settled checks that the process of every target is in the state that the fault means.
func (t *trial) settled(ctx context.Context) error {
	want := map[string]fault.State{plan.Kill: fault.Stopped, plan.Stop: fault.Stopped, plan.Pause: fault.Paused, plan.Wipe: fault.Wiped}[t.Fault]
	if want == "" {
		return nil
	}
	return t.each(t.targets(), func(a *client) error {
		s, err := a.status(ctx)
		if err == nil && s.State != want {
			err = fmt.Errorf("no effect: %s is %s, not %s", a.member, s.State, want)
		}
		return err
	})
}

// holdOn waits for the hold, or until the command says so.
func (t *trial) holdOn(ctx context.Context) error {
	if t.Until == nil {
		sleep(ctx, time.Until(t.result.Injected.Add(t.hold)))
		return context.Cause(ctx)
	}
	var last error
	for end := t.result.Injected.Add(t.hold); time.Now().Before(end); {
		if _, last = call(ctx, t.Until.Exec, t.env(), min(time.Duration(t.plan.Defaults.Timeout), time.Until(end)+time.Millisecond)); last == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		sleep(ctx, time.Second)
	}
	return fmt.Errorf("until: not true within %v: %w", t.hold, last)
}

// effective checks that the fault did something, at the end of its hold.
func (t *trial) effective(ctx context.Context) error {
	if len(t.Effect) > 0 {
		if _, err := call(ctx, t.Effect, t.env(), time.Duration(t.plan.Defaults.Timeout)); err != nil {
			return fmt.Errorf("no effect: %w", err)
		}
	}
	if !plan.Networked(t.Fault) && t.Fault != plan.Fill {
		return nil
	}
	statuses, err := t.Statuses(ctx)
	if err != nil {
		return err
	}
	for _, n := range t.result.Targets {
		i := slices.IndexFunc(statuses[n].Faults, func(f fault.Active) bool { return f.ID == faultID })
		switch {
		case i < 0:
			return fmt.Errorf("no effect: the fault on %s is gone before its end", n)
		case statuses[n].Faults[i].Packets == 0 && statuses[n].Faults[i].Bytes == 0:
			return fmt.Errorf("no effect: %s on %s met no packet of %s", statuses[n].Faults[i].Kind, n, strings.Join(t.peers[n], ", "))
		}
		t.result.Packets += statuses[n].Faults[i].Packets
	}
	return nil
}

func (t *trial) heal(ctx context.Context) error {
	if t.Fault == plan.Exec {
		if len(t.Undo) == 0 {
			return nil
		}
		_, err := call(ctx, t.Undo, t.env(), time.Duration(t.plan.Defaults.Timeout))
		return err
	}
	return t.each(t.targets(), func(a *client) error {
		var err error
		switch t.Fault {
		case plan.None:
		case plan.Kill, plan.Stop, plan.Wipe:
			_, err = a.order(ctx, "start", fault.Order{})
		case plan.Pause:
			_, err = a.order(ctx, "resume", fault.Order{})
		default:
			_, err = a.do(ctx, "DELETE", "faults/"+faultID, nil)
		}
		return err
	})
}

// recovered waits until all are healthy. A member that has ended by itself is not waited for, and says more than that
// it is ill.
func (t *trial) recovered(ctx context.Context) error {
	waiting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		for ; waiting.Err() == nil; sleep(waiting, 200*time.Millisecond) {
			if err := t.strangers(waiting); err != nil {
				stop(err)
			}
		}
	}()
	err := t.Healthy(waiting, t.plan.RecoverOf(t.Case))
	took := time.Since(t.result.Healed)
	if died := t.strangers(ctx); died != nil {
		return died
	}
	if err != nil {
		return fmt.Errorf("after the fault: %w", err)
	}
	t.result.Recover = max(took, 1)
	return nil
}

// strangers tells of members that ended by themselves.
func (t *trial) strangers(ctx context.Context) error {
	after, err := t.Statuses(ctx)
	if err != nil {
		return err
	}
	for _, n := range t.names() {
		if s := after[n]; s.Unexpected > t.before[n].Unexpected {
			how := ""
			if s.Exit != nil {
				how = ": " + s.Exit.String()
			}
			return fmt.Errorf("%s ended by itself%s", n, how)
		}
	}
	return nil
}
