package run

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/fault/cut"
	"pidbox/lib/fault/plan"
)

// The steps of a case, in the order in which judge takes them.

// aim finds out who leads, draws the targets from those that are not taken, and skips what they cannot have.
func (t *trial) aim(ctx context.Context, taken ...string) (err error) {
	t.Case = t.plan.Settled(t.Case, t.result.Round)
	if len(t.Needs) > 0 {
		if _, err := t.call(ctx, t.Needs, t.env(), time.Duration(t.plan.Defaults.Timeout), sinks{}); err != nil {
			return skip{fmt.Sprintf("what the case needs is not there: %v", err)}
		}
	}
	leader := ""
	if len(t.plan.Leader) > 0 {
		needed := t.On.Choice == plan.Leader || t.On.Choice == plan.Follower && len(taken) == 0
		if t.leader, err = t.findLeader(ctx, needed, taken); err != nil {
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
		drawn, err := t.plan.Draw(t.Case, t.result.Round, leader, taken...)
		if err != nil && len(taken) > 0 {
			return skip{err.Error()}
		}
		if err != nil {
			return err
		}
		t.result.Targets = append(t.result.Targets, drawn...)
		for _, n := range t.result.Targets {
			t.peers[n] = t.plan.Peers(t.Case, n)
		}
	}
	if t.before, err = t.Statuses(ctx); err != nil {
		return err
	}
	if kind := t.plan.Spec(t.Case, nil, 0).Kind; kind == fault.Drop || kind == fault.Reset {
		for _, n := range t.names() {
			if rest := t.plan.Unlisted(n, t.before[n].Addresses); len(rest) > 0 {
				return fmt.Errorf("%s has the addresses %s as well, which the plan does not list: the members could talk past the cut",
					n, strings.Join(rest, ", "))
			}
		}
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

// hit is whom the agents are asked for, and what: the targets, or, for a fault on receipt, their peers as well.
func (t *trial) hit(hold time.Duration) ([]string, map[string]fault.Spec) {
	if !plan.Networked(t.Fault) && t.Fault != plan.Fill && !plan.OnDisk(t.Fault) {
		return t.result.Targets, nil
	}
	placed := t.plan.Place(t.Case, t.result.Targets, t.peers, hold)
	return slices.Sorted(maps.Keys(placed)), placed
}

func (t *trial) inject(ctx context.Context) error {
	hold := t.hold + margin
	t.over = time.Now().Add(hold)
	if t.Fault == plan.Exec {
		to, done := t.log("inject")
		defer done()
		if len(t.Undo) > 0 {
			undoing, err := undoLater(t.Undo, t.env(), sinks{})
			if err != nil {
				return err
			}
			t.undoing = undoing
		}
		_, err := t.call(ctx, t.Inject, t.env(), time.Duration(t.plan.Defaults.Timeout), to)
		return err
	}
	whom, placed := t.hit(hold)
	return t.each(whom, func(a *client) error {
		var err error
		switch t.Fault {
		case plan.None:
		case plan.Kill, plan.Stop, plan.Pause, plan.Wipe, plan.Power, plan.Corrupt:
			// long, for a slow tester must not find it over: if that is gone, its lease ends long before
			long := min(fault.Duration(t.hold+time.Minute), t.before[a.member].MaxHold)
			_, err = a.order(ctx, t.Fault, t.plan.Told(t.Case, time.Duration(long)))
		default:
			err = a.put(ctx, t.id, placed[a.member])
		}
		return err
	})
}

// settled checks that the process of every target is in the state that the fault means; otherwise is what is wrong if
// it is not.
func (t *trial) settled(ctx context.Context, otherwise string) error {
	want := map[string]fault.State{
		plan.Kill: fault.Stopped, plan.Stop: fault.Stopped, plan.Pause: fault.Paused, plan.Wipe: fault.Wiped,
		plan.Power: fault.Stopped, plan.Corrupt: fault.Stopped,
	}[t.Fault]
	if want == "" {
		return nil
	}
	return t.each(t.result.Targets, func(a *client) error {
		s, err := a.status(ctx)
		if err == nil && s.State != want {
			err = fmt.Errorf("%s: %s is %s, not %s", otherwise, a.member, s.State, want)
		}
		return err
	})
}

// holdOn waits for the hold, or until the command says so. The time that a stop needs for its grace is none of it.
func (t *trial) holdOn(ctx context.Context) error {
	if t.Until == nil {
		sleep(ctx, t.hold)
		return context.Cause(ctx)
	}
	var last error
	for end := time.Now().Add(t.hold); time.Now().Before(end); {
		limit := min(time.Duration(t.plan.Defaults.Timeout), time.Until(end)+time.Millisecond)
		if _, last = t.call(ctx, t.Until.Exec, t.env(), limit, sinks{}); last == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		sleep(ctx, time.Second)
	}
	return fmt.Errorf("until: not true within %v: %w", t.hold, last)
}

// fullEnough is what a full disk may have free for all that: blocks that no file gets.
const fullEnough = 256 << 10

// idle is a fault that did nothing.
type idle struct{ error }

// effective checks that the fault did something, at the end of its hold.
func (t *trial) effective(ctx context.Context) error {
	if len(t.Effect) > 0 {
		if _, err := t.call(ctx, t.Effect, t.env(), time.Duration(t.plan.Defaults.Timeout), sinks{}); err != nil {
			return idle{fmt.Errorf("no effect: %w", err)}
		}
	}
	if !plan.Networked(t.Fault) && t.Fault != plan.Fill && !plan.OnDisk(t.Fault) {
		return t.settled(ctx, "it did not last")
	}
	statuses, err := t.Statuses(ctx)
	if err != nil {
		return err
	}
	t.note("held"+t.suffix, statuses)
	whom, placed := t.hit(0)
	spread := cut.OnReceipt(fault.Kind(t.Fault)) // over agents of which some may have nothing to receive
	for _, n := range whom {
		i := slices.IndexFunc(statuses[n].Faults, func(f fault.Active) bool { return f.ID == t.id })
		switch {
		case i < 0 && time.Now().After(t.over):
			return unsure{fmt.Sprintf("the fault on %s was looked at only after its end: this machine is too busy", n)}
		case i < 0:
			return idle{fmt.Errorf("no effect: the fault on %s is gone before its end", n)}
		case plan.OnDisk(t.Fault):
			if statuses[n].Faults[i].Hits == 0 {
				return idle{fmt.Errorf("no effect: %s on %s met no operation on its files", t.Fault, n)}
			}
		case t.Fault == plan.Rate && statuses[n].Faults[i].Packets == 0:
			return idle{fmt.Errorf("no effect: the traffic between %s and %s stayed below the rate", n, strings.Join(placed[n].Peers, ", "))}
		case !spread && statuses[n].Faults[i].Packets == 0 && statuses[n].Faults[i].Bytes == 0:
			return idle{fmt.Errorf("no effect: %s on %s met no packet of %s", statuses[n].Faults[i].Kind, n, strings.Join(placed[n].Peers, ", "))}
		case t.Fault == plan.Fill && statuses[n].Faults[i].Free > uint64(t.Case.Leave)+fullEnough:
			return idle{fmt.Errorf("no effect: the disk of %s is not full, %d bytes are free", n, statuses[n].Faults[i].Free)}
		}
		t.result.Packets += statuses[n].Faults[i].Packets
	}
	if spread && t.result.Packets == 0 {
		return idle{fmt.Errorf("no effect: %s met no packet on %s", t.Fault, strings.Join(whom, ", "))}
	}
	return nil
}

func (t *trial) heal(ctx context.Context) (err error) {
	if undoing := t.undoing; undoing != nil {
		t.undoing = nil
		undoing.life.Close()
		if _, err := undoing.finish(ctx, time.Duration(t.plan.Defaults.Timeout), &t.turn); err != nil {
			return err
		}
	}
	whom, _ := t.hit(0)
	return t.each(whom, func(a *client) (err error) {
		if t.MayExit != "" {
			defer func() {
				if err == nil {
					_, err = a.order(ctx, "start", fault.Order{})
				}
			}()
		}
		switch t.Fault {
		case plan.None, plan.Exec:
		case plan.Kill, plan.Stop, plan.Wipe, plan.Power, plan.Corrupt:
			_, err = a.order(ctx, "start", fault.Order{Variant: t.Variant})
		case plan.Pause:
			_, err = a.order(ctx, "resume", fault.Order{})
		default:
			err = a.remove(ctx, t.id)
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
	well, err := t.healthyFor(waiting, t.plan.RecoverOf(t.Case), time.Duration(*t.traffic.Stable))
	took := well.Sub(t.result.Healed)
	if died := t.strangers(ctx); died != nil {
		return died
	}
	if err != nil {
		return fmt.Errorf("after the fault: %w", err)
	}
	t.result.Recover = max(took, 1)
	return nil
}

// strangers reports members that died by themselves.
func (t *trial) strangers(ctx context.Context) error {
	after, err := t.Statuses(ctx)
	if err != nil {
		return err
	}
	for _, n := range t.names() {
		if t.MayExit != "" && slices.Contains(t.result.Targets, n) {
			continue
		}
		if s := after[n]; !s.Began.Equal(t.before[n].Began) {
			return unsure{fmt.Sprintf("the agent of %s was started again during the case: whether the member exited by itself is not known", n)}
		} else if s.Unexpected > t.before[n].Unexpected {
			how := ""
			if s.Exit != nil {
				how = ": " + s.Exit.String()
			}
			return fmt.Errorf("%s died unexpectedly%s", n, how)
		}
	}
	return nil
}

func (t *trial) check(ctx context.Context) (err error) {
	c := t.plan.CheckOf(t.Case)
	if c == nil || len(c.Exec) == 0 {
		return nil
	}
	to, done := t.log("check")
	defer done()
	for t.result.Tries = 1; ; t.result.Tries++ {
		if err = t.callKept(ctx, c.Exec, t.env(), time.Duration(c.Timeout), to); err == nil {
			return nil
		}
		if t.result.Tries == int(c.Tries) || ctx.Err() != nil {
			return fmt.Errorf("check: %w", err)
		}
		sleep(ctx, time.Duration(c.Pause))
	}
}
