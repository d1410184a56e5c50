package explore

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/fault/plan"
	"pidbox/lib/fault/report"
)

// cell is what is to be tried: a fault, on whom, and when.
type cell struct {
	fault, role string
	moment      report.Moment
}

// drawer draws cases, each for a cell that was met least often.
type drawer struct {
	plan    *plan.Plan
	rand    *rand.Rand
	faults  []string
	overlap int
	cells   []cell
	met     map[cell]int // and those that were drawn and did not come about: they may never
	number  int
}

func newDrawer(p *plan.Plan, faults []string, overlap int) *drawer {
	d := &drawer{plan: p, rand: rand.New(rand.NewPCG(p.Seed, 0)), faults: faults, overlap: overlap, met: map[cell]int{}}
	roles := []string{report.Member}
	if len(p.Leader) > 0 {
		roles = []string{report.Leader, report.Follower}
	}
	moments := []report.Moment{report.Steady, report.During, report.Recovery}
	for _, f := range faults {
		for _, r := range roles {
			for _, m := range moments {
				if m == report.During && (overlap < 2 || len(p.Members) < 2) {
					continue
				}
				d.cells = append(d.cells, cell{f, r, m})
			}
		}
		if len(p.Leader) > 0 && overlap > 1 && len(p.Members) > 1 {
			d.cells = append(d.cells, cell{f, report.Follower, report.Election})
		}
	}
	return d
}

// saw counts what has come about.
func (d *drawer) saw(c report.Case) {
	for _, s := range c.Struck {
		d.met[cell{s.Fault, s.Role, s.Moment}]++
	}
}

// next draws a case.
func (d *drawer) next() plan.Case {
	least, some := -1, []cell(nil)
	for _, c := range d.cells {
		switch n := d.met[c]; {
		case least < 0 || n < least:
			least, some = n, []cell{c}
		case n == least:
			some = append(some, c)
		}
	}
	want := some[d.rand.IntN(len(some))]
	d.met[want]++ // by that it is not drawn for ever
	d.number++
	s := &schedule{drawer: d}
	switch want.moment {
	case report.Steady:
		s.add(want.fault, want.role, 0)
	case report.During:
		s.add(d.any(), "", 0)
		s.add(want.fault, want.role, s.within(0.1, 0.5))
	case report.Election:
		s.add(d.unseating(), report.Leader, 0)
		s.add(want.fault, want.role, 50*time.Millisecond+time.Duration(d.rand.Int64N(int64(400*time.Millisecond))))
	case report.Recovery:
		s.add(d.any(), "", 0)
		s.add(want.fault, want.role, time.Duration(*s.faults[0].Hold)+time.Duration(d.rand.Int64N(int64(500*time.Millisecond))))
	}
	for len(s.faults) < d.overlap && d.rand.IntN(2) == 0 {
		s.add(d.any(), "", s.within(0, 0.8))
	}
	return build(fmt.Sprintf("explore-%d", d.number), s.faults)
}

func (d *drawer) any() string { return d.faults[d.rand.IntN(len(d.faults))] }

// unseating is a fault by which a leader may no longer lead, if there is one.
func (d *drawer) unseating() string {
	some := slices.DeleteFunc(slices.Clone(d.faults), func(f string) bool {
		return !slices.Contains([]string{plan.Kill, plan.Stop, plan.Pause, plan.Power, plan.Isolate}, f)
	})
	if len(some) == 0 {
		return d.any()
	}
	return some[d.rand.IntN(len(some))]
}

// schedule is a case that is being drawn.
type schedule struct {
	*drawer
	faults []plan.Also
}

// within is a time from one part of the first fault's hold to another.
func (s *schedule) within(from, to float64) time.Duration {
	hold := float64(*s.faults[0].Hold)
	return time.Duration(hold * (from + s.rand.Float64()*(to-from))).Round(time.Millisecond)
}

// add adds a fault. Two that overlap are on two members, where nobody leads; else the roles see to that when they strike.
func (s *schedule) add(f, role string, after time.Duration) {
	hold := plan.Duration((time.Duration(float64(s.plan.HoldOf(plan.Case{})) * (0.5 + s.rand.Float64()))).Round(time.Millisecond))
	c := plan.Case{Fault: f, Hold: &hold}
	switch f {
	case plan.Slow, plan.SlowSync:
		c.Delay = span(50*time.Millisecond + time.Duration(s.rand.Int64N(int64(450*time.Millisecond))))
	case plan.Reorder:
		c.Delay, c.Percent = span(50*time.Millisecond), 30
	case plan.Duplicate:
		c.Percent = 30
	case plan.Loss:
		c.Percent = float64(10 + s.rand.IntN(41))
	}
	switch {
	case len(s.plan.Leader) == 0:
		var free []string
		for _, m := range s.plan.Members {
			if !s.hit(m.Name, after, after+time.Duration(hold)) {
				free = append(free, m.Name)
			}
		}
		if len(free) == 0 {
			return
		}
		c.On.Names = []string{free[s.rand.IntN(len(free))]}
	case role == report.Leader, role == "" && s.rand.IntN(2) == 0 && !s.leads():
		c.On.Choice = plan.Leader
	default:
		if len(s.faults)+1 > len(s.plan.Members) {
			return
		}
		c.On.Choice = plan.Follower
	}
	s.faults = append(s.faults, plan.Also{At: plan.Duration(after.Round(time.Millisecond)), Case: c})
}

func span(d time.Duration) plan.Span {
	d = d.Round(time.Millisecond)
	return plan.Span{From: plan.Duration(d), To: plan.Duration(d)}
}

func (s *schedule) hit(name string, from, to time.Duration) bool {
	return slices.ContainsFunc(s.faults, func(a plan.Also) bool {
		return a.On.Names[0] == name && time.Duration(a.At) < to && from < time.Duration(a.At+*a.Hold)
	})
}

func (s *schedule) leads() bool {
	return slices.ContainsFunc(s.faults, func(a plan.Also) bool { return a.On.Choice == plan.Leader })
}

// build makes a case of faults: the first to strike is its own.
func build(name string, faults []plan.Also) plan.Case {
	faults = slices.Clone(faults)
	slices.SortStableFunc(faults, func(a, b plan.Also) int { return int(a.At - b.At) })
	c := faults[0].Case
	c.Name = name
	for i, a := range faults[1:] {
		a.At -= faults[0].At
		a.Name = fmt.Sprintf("%s also %d", name, i+1)
		c.Also = append(c.Also, a)
	}
	return c
}

// apart is the opposite of build.
func apart(c plan.Case) []plan.Also {
	also := c.Also
	c.Also = nil
	return append([]plan.Also{{Case: c}}, also...)
}

// Faults are those that a drawn case may have: what a cluster must come through with nothing lost, and what all agents can do.
func Faults(p *plan.Plan, statuses map[string]fault.Status) []string {
	all := []string{plan.Kill, plan.Stop, plan.Pause}
	can := func(k fault.Kind) bool {
		for _, m := range p.Members {
			if _, no := statuses[m.Name].Unsupported[k]; no {
				return false
			}
		}
		return true
	}
	for _, k := range []fault.Kind{fault.Power, fault.SlowSync} {
		if can(k) {
			all = append(all, string(k))
		}
	}
	reached := len(p.Members) > 1 && !slices.ContainsFunc(p.Members, func(m plan.Member) bool { return len(m.Addresses) == 0 })
	for _, f := range []string{plan.Isolate, plan.Slow, plan.Loss, plan.Reset, plan.Reorder, plan.Duplicate} {
		kind := fault.Kind(f)
		if f == plan.Isolate {
			kind = fault.Drop
		}
		if reached && can(kind) {
			all = append(all, f)
		}
	}
	return all
}
