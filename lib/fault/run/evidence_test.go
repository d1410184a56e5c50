//go:build linux

package run

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/fault/plan"
	"pidbox/lib/fault/report"
)

// An agent that hangs in the middle of an order is given up after seconds, and what it has left is not said to be healed.
func TestHungAgent(t *testing.T) {
	w, over := newCluster(t), make(chan struct{})
	t.Cleanup(func() { close(over) })
	w.members[0].bend = func(order string, _ *fault.Status) (int, error) {
		if order == "kill" {
			<-over // it answers nothing else either
		}
		return 0, nil
	}
	r, err := Run(context.Background(), w.plan("cases: [{fault: kill, on: m1}, {name: b, fault: none}]"), Options{Evidence: filepath.Join(t.TempDir(), "e")})
	if !errors.Is(err, ErrHung) || !strings.Contains(err.Error(), "agent of m1: no answer") {
		t.Errorf("error %v", err)
	}
	if left := (*LeftError)(nil); !errors.As(err, &left) || len(left.Left) != 1 {
		t.Errorf("it is said to be healed: %v", err)
	}
	if len(r.NotRun) != 1 || r.NotRun[0] != "round 1 b" {
		t.Errorf("not run: %q", r.NotRun)
	}
}

// What was not seen to be healed is named.
func TestNotHealed(t *testing.T) {
	w := newCluster(t)
	w.members[2].bend = func(order string, s *fault.Status) (int, error) {
		if order == "heal" {
			s.Faults = []fault.Active{{ID: "stays"}}
		}
		return 0, nil
	}
	_, err := Run(context.Background(), w.plan("cases: [{fault: none}]"), Options{Evidence: filepath.Join(t.TempDir(), "e")})
	if left := (*LeftError)(nil); !errors.As(err, &left) || !strings.Contains(err.Error(), "m3 is running, faults in force: 1") {
		t.Errorf("error %v", err)
	}
}

// A member that is healthy by turns has not recovered.
func TestFlapping(t *testing.T) {
	t.Parallel()
	w, count := newCluster(t), filepath.Join(t.TempDir(), "n")
	w.head = strings.Replace(w.head, "[192.0.2.3], health: {exec: 'true'}",
		`[192.0.2.3], health: {exec: 'if [ ! -e `+count+`.ill ]; then exit 0; fi; echo >>`+count+`; [ $(($(wc -l <`+count+`) % 2)) != 0 ]'}`, 1)
	w.members[1].bend = func(order string, _ *fault.Status) (int, error) {
		switch order {
		case "kill":
			return 0, os.WriteFile(count+".ill", nil, 0o600)
		case "archive":
			return 0, os.Remove(count + ".ill")
		}
		return 0, nil
	}
	c := &Cluster{plan: w.plan("on_failure: {archive: true}\ncases: [{fault: kill, on: m2, stable: 1s, recover: 5s}]"),
		options: Options{Step: func(string) {}, Now: func(string) {}}, clients: map[string]*client{}, evidence: &evidence{dir: t.TempDir()}}
	for _, m := range c.plan.Members {
		c.clients[m.Name] = newClient(m, "", nil)
	}
	// without a watcher, which asks too: in step with the case it would get all the bad answers
	got, err := c.runCase(context.Background(), c.plan.Cases[0], 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got.Outcome != report.Fail || !strings.Contains(got.Reason, "after the fault: not healthy ") {
		t.Errorf("got %s %q", got.Outcome, got.Reason)
	}
}

// A target that dies of its fault is excused where the plan says so, and only it.
func TestMayExit(t *testing.T) {
	for name, want := range map[string]report.Outcome{"m2": report.Pass, "m1": report.Fail} {
		w := newCluster(t)
		w.members[1].bend = func(order string, s *fault.Status) (int, error) {
			if order == "status" && s.Unexpected == 0 && len(s.Faults) > 0 || w.members[0].was("faults/"+faultID) && s.Unexpected == 0 {
				s.Unexpected, s.Exit, s.State = 1, &fault.Exit{Code: 1}, fault.Exited
			}
			return 0, nil
		}
		got := w.one("cases: [{fault: isolate, on: " + name + ", may_exit: target}]")
		if got.Outcome != want {
			t.Errorf("%s: %s %s", name, got.Outcome, got.Reason)
		}
	}
}

// A lease that another tester has is waited for, as long as may be.
func TestWaitsForTheLease(t *testing.T) {
	w := newCluster(t)
	w.members[2].lease = "another's"
	time.AfterFunc(300*time.Millisecond, func() {
		w.members[2].mu.Lock()
		defer w.members[2].mu.Unlock()
		w.members[2].lease = ""
	})
	if _, err := Run(context.Background(), w.plan("cases: [{fault: none}]"), Options{Wait: time.Minute}); err != nil {
		t.Error(err)
	}
}

// expiring is a context whose deadline comes when the test says so.
type expiring struct {
	context.Context
	done chan struct{}
}

func (e expiring) Done() <-chan struct{} { return e.done }

func (e expiring) Err() error {
	select {
	case <-e.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// A run has a limit, rounds have one too, and what was not run is named.
func TestLimits(t *testing.T) {
	const three = "rounds: 3\ncases: [{name: a, fault: none, hold: 1h}, {name: b, fault: none}]"
	r, err := Run(context.Background(), newCluster(t).plan(three), Options{Limit: 1, Evidence: filepath.Join(t.TempDir(), "e")})
	if err == nil || len(r.Cases) != 0 {
		t.Errorf("error %v, cases %+v", err, r.Cases)
	}
	under := expiring{t.Context(), make(chan struct{})}
	expire := sync.OnceFunc(func() { close(under.done) })
	r, err = Run(under, newCluster(t).plan(three), Options{Evidence: filepath.Join(t.TempDir(), "e"), Now: func(what string) {
		if strings.HasSuffix(what, "a: none") {
			expire()
		}
	}})
	if !errors.Is(err, context.DeadlineExceeded) || strings.Join(r.NotRun, ", ") != "round 1 b, rounds 2 to 3" {
		t.Errorf("error %v, not run %q", err, r.NotRun)
	}
	r, err = Run(context.Background(), newCluster(t).plan("cases: [{fault: none}]"), Options{For: 1})
	if err != nil || len(r.Cases) != 1 {
		t.Errorf("error %v, %d cases in a nanosecond", err, len(r.Cases))
	}
	begun := filepath.Join(t.TempDir(), "begun")
	third, reached := context.WithCancel(context.Background())
	again := newCluster(t).plan("check: {exec: 'echo >>" + begun + "'}\ncases: [{fault: none}]")
	go func() {
		defer reached()
		for text := []byte(nil); len(text) < 3; time.Sleep(time.Millisecond) {
			text, _ = os.ReadFile(begun)
		}
	}()
	if r, err = Run(third, again, Options{For: time.Hour}); len(r.Cases) < 2 {
		t.Errorf("error %v, %d cases before the third check", err, len(r.Cases))
	}
}

// The evidence goes into a directory of its own, which is kept if anything went wrong.
func TestEvidence(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	there := func() []string { all, _ := filepath.Glob(tmp + "/*/*"); return all }
	if got := newCluster(t).one("check: {exec: 'echo kept'}\ncases: [{fault: none}]"); got.Outcome != report.Pass || len(there()) > 0 {
		t.Errorf("%s, left %q", got.Outcome, there())
	}
	if got := newCluster(t).one("check: {exec: 'echo kept; exit 1'}\ncases: [{name: a/b, fault: none}]"); got.Outcome != report.Fail || len(there()) != 3 {
		t.Errorf("%s, left %q", got.Outcome, there())
	}
	log, _ := filepath.Glob(tmp + "/*/1-01-a_b/check.log")
	if len(log) != 1 {
		t.Fatalf("no log of the check in %q", there())
	}
	if text, _ := os.ReadFile(log[0]); string(text) != "kept\n" {
		t.Errorf("the check's log is %q", text)
	}
	if _, err := Run(context.Background(), newCluster(t).plan("cases: [{fault: none}]"), Options{Evidence: filepath.Dir(filepath.Dir(log[0]))}); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("a directory with other evidence: %v", err)
	}
}

// Every variable that a case's commands get is named in the pages.
func TestVariables(t *testing.T) {
	named := map[string]bool{}
	for _, v := range Variables() {
		named[v.Name] = true
	}
	one := &trial{Cluster: &Cluster{plan: &plan.Plan{}}}
	env := one.env()
	if len(env) < 7 {
		t.Errorf("%q", env)
	}
	for _, v := range env {
		if name, _, _ := strings.Cut(v, "="); !named[name] {
			t.Errorf("%s is not in the pages", name)
		}
	}
}
