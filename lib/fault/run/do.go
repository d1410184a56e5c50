package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/fault/plan"
	"pidbox/lib/health"
)

// Actions lists what Do can do: the orders of the agents, and faults.
func Actions() []string {
	return []string{"start", "restart", "resume", "heal", "archive", plan.Kill, plan.Stop, plan.Pause, plan.Wipe,
		plan.Isolate, plan.Slow, plan.Rate, plan.Loss, plan.Reset, plan.Reorder, plan.Garble, plan.Duplicate, plan.Fill, plan.Power, plan.Corrupt, plan.EIO, plan.NoSpace, plan.SlowSync}
}

// Do does one thing to the members chosen by one.On and returns their names. Faults stay after it returns, until their
// hold is over; so does what was stopped, unless there is no hold.
func Do(ctx context.Context, p *plan.Plan, o Options, one plan.Case, hold time.Duration) ([]string, error) {
	c, err := Connect(ctx, p, o)
	if err != nil {
		return nil, err
	}
	leader := ""
	if one.On.Choice == plan.Leader || one.On.Choice == plan.Follower {
		m, err := c.Leader(ctx)
		if err != nil {
			return nil, err
		}
		leader = m.Name
	}
	names, err := p.Draw(one, 1, leader)
	if err != nil {
		return nil, err
	}
	if o.Lease != "" {
		for _, a := range c.clients {
			a.lease = o.Lease
		}
	} else {
		if err := c.Take(ctx); err != nil {
			return nil, err
		}
		defer c.Leave()
	}
	var placed map[string]fault.Spec
	whom := names
	if plan.Networked(one.Fault) || one.Fault == plan.Fill || plan.OnDisk(one.Fault) {
		peers := map[string][]string{}
		for _, n := range names {
			peers[n] = p.Peers(one, n)
		}
		placed = p.Place(one, names, peers, hold)
		whom = slices.Sorted(maps.Keys(placed))
	}
	return names, c.each(whom, func(a *client) error {
		var err error
		switch {
		case slices.Contains([]string{"start", "restart"}, one.Fault):
			_, err = a.order(ctx, one.Fault, fault.Order{Variant: one.Variant})
		case slices.Contains([]string{"resume", "heal", "archive"}, one.Fault):
			_, err = a.order(ctx, one.Fault, fault.Order{})
		case plan.Ends(one.Fault) || one.Fault == plan.Pause:
			_, err = a.order(ctx, one.Fault, p.Told(one, hold))
		default:
			err = a.put(ctx, "by-hand", placed[a.member])
		}
		return err
	})
}

// Finding is what Check has found of a member, or of a command of the plan.
type Finding struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

// Check asks everything that a run would need, once, and changes nothing. An error beside findings is that of an agent which
// has not answered.
func Check(ctx context.Context, p *plan.Plan, o Options) (all []Finding, unanswered error) {
	c, err := unasked(p, o)
	if err != nil {
		return nil, err
	}
	statuses, silent := c.answers(ctx)
	if len(silent) == 0 {
		if err := c.holds(statuses); err != nil {
			return nil, err
		}
	}
	var down []string
	add := func(what, text string, err error) {
		if err != nil {
			text = err.Error()
		}
		all = append(all, Finding{what, err == nil, text})
	}
	for _, m := range p.Members {
		s := statuses[m.Name]
		text := fmt.Sprintf("%s since %s", s.State, s.Since.Format(time.DateTime))
		for _, k := range fault.Kinds() {
			if why, no := s.Unsupported[k]; no {
				text += fmt.Sprintf(", no %s (%s)", k, why)
			}
		}
		if rest := p.Unlisted(m.Name, s.Addresses); len(rest) > 0 {
			text += ", not in the plan: " + strings.Join(rest, ", ") + " (a cut does not reach these)"
		}
		var impaired error
		if silent[m.Name] != nil {
			impaired, unanswered = silent[m.Name], cmp.Or(unanswered, silent[m.Name])
			if unreached := (*UnreachableError)(nil); errors.As(impaired, &unreached) {
				impaired = unreached.Err
			}
		} else if s.State == fault.Paused || len(s.Faults) > 0 {
			impaired = errors.New(text)
			for _, f := range s.Faults {
				impaired = fmt.Errorf("%w, under the fault %s until %s", impaired, f.Kind, f.Until.Format(time.DateTime))
			}
		}
		add("agent of "+m.Name, text, impaired)
		if silent[m.Name] == nil && s.State != fault.Running && s.State != fault.Paused {
			down = append(down, m.Name)
			add("health of "+m.Name, "", fmt.Errorf("not asked: the member does not run (fault-tester do start %s starts it)", m.Name))
			continue
		}
		check, ill := m.Health.Check()
		if ill == nil {
			ill = ask(ctx, check, time.Duration(p.Defaults.Timeout))
		}
		add("health of "+m.Name, "healthy", ill)
	}
	if len(down) == len(p.Members) {
		add("cluster", "", errors.New("no member runs (fault-tester do start all starts them)"))
		return all, unanswered
	}
	if len(p.Leader) > 0 {
		m, err := c.Leader(ctx)
		name := ""
		if err == nil {
			name = m.Name
		}
		add("leader", name, err)
	}
	if p.Check != nil && len(p.Check.Exec) > 0 {
		scratch, err := os.MkdirTemp("", "fault-tester-")
		if err == nil {
			defer os.RemoveAll(scratch)
			err = c.callKept(ctx, p.Check.Exec, []string{"FAULT_CASE=check", "FAULT_ROUND=0", "FAULT_RUN=check", "FAULT_DIR=" + scratch,
				"FAULT_TARGETS=", "FAULT_MEMBERS=" + strings.Join(c.names(), " ")}, time.Duration(p.Check.Timeout), sinks{})
		}
		add("check", "fine", err)
	}
	return all, unanswered
}

// answers is the status of each member, and the error of each whose agent did not give one.
func (c *Cluster) answers(ctx context.Context) (statuses map[string]fault.Status, silent map[string]error) {
	statuses, silent = map[string]fault.Status{}, map[string]error{}
	var mu sync.Mutex
	_ = c.each(nil, func(a *client) error {
		s, err := a.status(ctx)
		mu.Lock()
		defer mu.Unlock()
		if statuses[a.member] = s; err != nil {
			silent[a.member] = err
		}
		return nil
	})
	return statuses, silent
}

func ask(ctx context.Context, check health.Check, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return check.Check(ctx)
}
