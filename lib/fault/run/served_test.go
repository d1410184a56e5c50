package run

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pidbox/lib/fault/history"
	"pidbox/lib/fault/plan"
	"pidbox/lib/fault/report"
)

// What the loads met while a fault held is judged by when each operation began and ended, from the limit on.
func TestServed(t *testing.T) {
	struck := time.Now()
	at := func(seconds float64) time.Time { return struck.Add(time.Duration(seconds * float64(time.Second))) }
	every := func(from, to float64, m mark) (all []mark) {
		for s := from; s < to; s += 0.5 {
			m.from, m.to = at(s), at(s+0.1)
			all = append(all, m)
		}
		return all
	}
	write, read := mark{kind: history.OK, known: true}, mark{kind: history.OK, known: true, reads: true}
	failed := mark{kind: history.Fail, known: true}
	for name, c := range map[string]struct {
		during string
		marks  []mark
		want   string // "" is fine
		busy   time.Duration
	}{
		"served throughout":      {plan.Available, every(0.2, 5, write), "", 0},
		"served, then no more":   {plan.Available, every(0.2, 2, write), "no operation succeeded for 3.2s, the limit is 1s", 0},
		"served after a while":   {plan.Available, every(3, 5, write), "no operation succeeded for 3.1s, the limit is 1s", 0},
		"a gap in the middle":    {plan.Available, append(every(0.2, 1, write), every(3, 5, write)...), "the limit is 1s", 0},
		"failures are no answer": {plan.Available, append(every(0.2, 2, write), every(2, 5, failed)...), "the limit is 1s", 0},
		"nothing succeeded":      {plan.Available, every(0.2, 5, failed), "not available while the fault held: no operation succeeded", 0},
		"begun before the fault": {plan.Available, []mark{{from: at(-1), to: at(0.5), kind: history.OK}}, "not available while the fault held", 0},
		"refused":                {plan.Unavailable, every(0.2, 5, failed), "", 0},
		"refused, but read":      {plan.Unavailable, append(every(0.2, 5, failed), every(0.2, 5, read)...), "", 0},
		"written":                {plan.Unavailable, append(every(0.2, 3, failed), every(3, 4, write)...), "operations that began more than 1s after it and succeeded: 2", 0},
		"written at first":       {plan.Unavailable, append(every(0.2, 0.9, write), every(1.2, 5, failed)...), "", 0},
		"only read":              {plan.Unavailable, every(0.2, 5, read), "nothing was tried while the fault held", 0},
		"only tried at first":    {plan.Unavailable, every(0.2, 0.9, failed), "nothing was tried while the fault held", 0},
		"served late by us":      {plan.Available, every(3, 5, write), "no operation succeeded for 3.1s, the limit is 1s; but this machine was too busy for the loads", time.Second},
		"not served, whoever":    {plan.Available, every(3, 5, write), "no operation succeeded for 3.1s, the limit is 1s", 300 * time.Millisecond},
		"written, read late":     {plan.Unavailable, append(every(0.2, 1.4, write), every(1.6, 5, failed)...), "", time.Second / 2},
		"written in any case":    {plan.Unavailable, append(every(0.2, 2.4, write), every(2.6, 5, failed)...), "and succeeded: 2", time.Second / 2},
		"nothing tried in time":  {plan.Unavailable, every(0.2, 0.9, failed), "nothing was tried while the fault held: this machine was too busy for the loads", time.Second},
	} {
		limit, hold := plan.Positive(time.Second), plan.Duration(5*time.Second)
		one := &trial{Cluster: &Cluster{plan: &plan.Plan{}}, Case: plan.Case{During: c.during, Limit: limit, Hold: &hold}, struck: struck, slowest: c.busy}
		one.result = report.Case{Healed: at(5)}
		one.loads = []*load{{tally: &tally{marks: sorted(c.marks)}}}
		err := one.served()
		if open := (unsure{}); errors.As(err, &open) != strings.Contains(c.want, "too busy") {
			t.Errorf("%s: %v is it open?", name, err)
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// One operation more than may fail fails the case; as many as may do not.
func TestSpoiled(t *testing.T) {
	most := 3
	for failed, fine := range map[int]bool{0: true, 3: true, 4: false} {
		one := &trial{traffic: plan.Traffic{MaxFailed: &most}}
		one.result.Phases = []report.Phase{{Failed: failed / 2, Unknown: failed - failed/2}}
		if err := one.spoiled(); (err == nil) != fine {
			t.Errorf("%d failed: %v", failed, err)
		}
	}
}

// Histories whose own times put them into one order are judged as one; without times, a key in two of them cannot be judged.
func TestJoined(t *testing.T) {
	read := func(timed bool, key string) *history.History {
		return &history.History{Timed: timed, Ops: []history.Op{{Key: key, F: "read"}}}
	}
	loads := []*load{{name: "load 1"}, {name: "load 2"}}
	for name, c := range map[string]struct {
		all  []*history.History
		want int // histories; 0: it cannot be told
	}{
		"timed":                {[]*history.History{read(true, "a"), read(true, "a")}, 1},
		"apart":                {[]*history.History{read(false, "a"), read(false, "b")}, 2},
		"one key":              {[]*history.History{read(false, "a"), read(false, "a")}, 0},
		"one key, half timed":  {[]*history.History{read(true, "a"), read(false, "a")}, 0},
		"one key, half timed2": {[]*history.History{read(false, "a"), read(true, "a")}, 0},
	} {
		all, err := joined(c.all, loads)
		if len(all) != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%s: %d histories, %v", name, len(all), err)
		}
	}
}
