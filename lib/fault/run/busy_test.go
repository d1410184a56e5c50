//go:build linux

package run

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/fault/history"
	"pidbox/lib/fault/plan"
	"pidbox/lib/fault/report"
)

// patient is a cluster on a machine of which a turn takes so long. A busy one's take ever longer, and from the first look at
// that on there is a file.
func patient(t *testing.T, took time.Duration, health string) (*Cluster, string) {
	w, file := newCluster(t), filepath.Join(t.TempDir(), "looked")
	w.head = strings.Replace(w.head, "[192.0.2.3], health: {exec: 'true'}", "[192.0.2.3], health: {exec: '"+strings.ReplaceAll(health, "FILE", file)+"'}", 1)
	c, err := unasked(w.plan("cases: [{fault: loss, percent: 5, on: m2}]"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	c.turn = func(context.Context) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		if took == idleTurn {
			return took
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Error(err)
		}
		took *= 2
		return took
	}
	return c, file
}

const (
	idleTurn = time.Millisecond
	busyTurn = time.Second / 10
)

// A check that has no answer in time is asked again, with more time, where this machine is busy; and only there.
func TestBusyMachineIsNoIllness(t *testing.T) {
	t.Parallel()
	const first = "[ -e FILE ] || sleep 900"
	const third = "echo >>FILE.n; [ -e FILE ] || [ $(wc -l <FILE.n) -lt 3 ] || sleep 900" // of two that settle it, and one of the span
	for name, one := range map[string]struct {
		health string
		stable time.Duration
		took   time.Duration
		want   string
	}{
		"idle":            {first, 0, idleTurn, "not healthy within 10s: "},
		"busy":            {first, 0, busyTurn, ""},
		"idle for a span": {third, 900 * time.Millisecond, idleTurn, " within 10s: "}, // which may be the first wait on a slow machine
		"busy for a span": {third, 900 * time.Millisecond, busyTurn, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := patient(t, one.took, one.health)
			err := c.Healthy(t.Context(), 10*time.Second, one.stable)
			if (err == nil) != (one.want == "") || err != nil && !strings.Contains(err.Error(), one.want) {
				t.Errorf("%v, want %q", err, one.want)
			}
		})
	}
}

// One that says no, or hangs for ever, comes to an end on a busy machine too.
func TestIllOnABusyMachine(t *testing.T) {
	c, _ := patient(t, 0, "exit 3")
	c.turn = func(context.Context) time.Duration { return time.Second / 10 }
	if err := c.Healthy(t.Context(), 10*time.Millisecond, 0); err == nil || !strings.HasPrefix(err.Error(), "not healthy within 10ms: ") {
		t.Error(err)
	}
	for limit, took, n := time.Second, time.Hour, 0; ; n++ {
		longer, ours := turn(func(context.Context) time.Duration { return took }).late(t.Context(), 0, limit)
		if !ours {
			if limit != longest || n > 1 {
				t.Error(limit, n)
			}
			break
		}
		limit = longer
	}
	quick := turn(func(context.Context) time.Duration { return 0 })
	if limit, ours := quick.late(t.Context(), 26*time.Millisecond, time.Second); !ours || limit != 2*time.Second {
		t.Error(limit, ours)
	}
	if limit, ours := quick.late(t.Context(), 25*time.Millisecond, time.Second); ours {
		t.Error(limit, ours)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ours := quick.late(over, time.Hour, time.Second); ours {
		t.Error("waited for although all is over")
	}
}

// A command, a load and an agent have more time, too.
func TestBusyMachineKillsNothing(t *testing.T) {
	c, file := patient(t, busyTurn, "true")
	wait := plan.Command{"sh", "-c", "until [ -e " + file + " ]; do sleep 0.01; done; echo done"}
	if out, err := c.call(t.Context(), wait, nil, 10*time.Millisecond, sinks{}); out != "done\n" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
	c, file = patient(t, idleTurn, "true")
	if out, err := c.call(t.Context(), plan.Command{"sleep", "900"}, nil, 50*time.Millisecond, sinks{}); out != "" || err == nil || err.Error() != "it hung, killed after 50ms" {
		t.Errorf("%q, %v", out, err)
	}
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := os.Stat(file + ".agent"); err != nil {
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write([]byte(`{"state":"running"}`))
	}))
	defer agent.Close()
	a := newClient(plan.Member{Name: "m1", Agent: agent.URL}, "", nil)
	a.turn = func(context.Context) time.Duration { return idleTurn }
	if _, err := a.status(t.Context()); err == nil {
		t.Error("an agent that is not there")
	}
	a.turn = func(context.Context) time.Duration {
		_ = os.WriteFile(file+".agent", nil, 0o600)
		return time.Minute
	}
	if s, err := a.status(t.Context()); err != nil || s.State != fault.Running {
		t.Error(s, err)
	}
}

// A load that has had no time for its first operation gets it.
func TestBusyLoad(t *testing.T) {
	for _, busy := range []bool{false, true} {
		c, _ := patient(t, idleTurn, "true")
		least, short := 1, plan.Positive(10*time.Millisecond)
		one := &trial{Cluster: c, Case: plan.Case{Recover: &short}, traffic: plan.Traffic{MinOK: &least}}
		l := &load{name: "load 1", tally: &tally{open: map[int64]mark{}}}
		one.loads = []*load{l}
		if busy {
			c.turn = func(context.Context) time.Duration {
				now := time.Now()
				l.tally.mu.Lock()
				defer l.tally.mu.Unlock()
				l.tally.marks = []mark{{from: now, to: now, kind: history.OK}}
				return busyTurn
			}
		}
		if err := one.flow(t.Context(), time.Now(), time.Millisecond, "before the fault"); (err == nil) != busy {
			t.Error(busy, err)
		}
	}
}

// A fault that its agent has ended before the tester came to look at it is no fault without effect.
func TestLookedAtTooLate(t *testing.T) {
	for _, late := range []bool{false, true} {
		c, _ := patient(t, idleTurn, "true")
		one := &trial{Cluster: c, Case: c.plan.Cases[0], peers: map[string][]string{"m2": {"192.0.2.1"}}, over: time.Now().Add(time.Hour)}
		one.result = report.Case{Targets: []string{"m2"}}
		if c.evidence = (&evidence{dir: t.TempDir()}); late {
			one.over = time.Now()
		}
		err := one.effective(t.Context())
		open := unsure{}
		if idle := (idle{}); errors.As(err, &open) != late || errors.As(err, &idle) == late || !strings.Contains(err.Error(), "the fault on m2 ") {
			t.Error(late, err)
		}
	}
}

// Where the leases were not renewed in time the agents may have ended the fault: a failure then is none of the cluster's.
func TestLapsed(t *testing.T) {
	w := newCluster(t)
	var c *Cluster
	w.members[1].bend = func(order string, s *fault.Status) (int, error) {
		if order == "kill" {
			c.lapses.Add(1)
			s.State = fault.Running
		}
		return 0, nil
	}
	c, err := unasked(w.plan("cases: [{fault: kill, on: m2}]"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	c.evidence = &evidence{dir: t.TempDir()}
	got, err := c.runCase(t.Context(), c.plan.Cases[0], 1, 1)
	if err != nil || got.Outcome != report.Unknown || !strings.HasPrefix(got.Reason, "no effect: m2 is running, not stopped; but this machine was too busy to renew the leases") {
		t.Errorf("%v, %+v", err, got)
	}
	for _, err := range []error{&UnreachableError{}, skip{}, &violation{}} {
		if (&trial{}).unheld(err) != err {
			t.Error(err)
		}
	}
}
