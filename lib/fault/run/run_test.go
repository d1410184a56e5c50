//go:build linux

package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/fault/plan"
	"pidbox/lib/fault/report"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// The test binary is also the keeper of loads and checks.
func TestMain(m *testing.M) {
	if os.Getenv(KeepVariable) == "" {
		os.Exit(m.Run())
	}
	status, err := Keep(os.Args[2:], os.Stdin, os.Stderr) // os.Args[1] is --
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(125)
	}
	os.Exit(status)
}

// member is a fault-agent and its member in one, who do as they are told, unless a test says otherwise.
type member struct {
	mu     sync.Mutex
	status fault.Status
	lease  string
	told   []string
	// bend may change what an order has come to; an error is the answer to it, with that status of HTTP.
	bend func(order string, s *fault.Status) (int, error)
}

func (m *member) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	order := strings.TrimPrefix(r.URL.Path, "/v1/")
	if code, err := m.obey(r, order); err != nil {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(fault.Problem{Error: err.Error()})
		return
	}
	_ = json.NewEncoder(w).Encode(m.status)
}

func (m *member) obey(r *http.Request, order string) (int, error) {
	if id := r.Header.Get(fault.LeaseHeader); m.lease != "" && id != m.lease && order != "status" {
		return 409, errors.New("the member is leased to another")
	}
	if order != "status" && order != "lease" {
		m.told = append(m.told, order)
	}
	switch {
	case order == "lease" && r.Method == "DELETE":
		m.lease = ""
	case order == "lease":
		m.lease = r.Header.Get(fault.LeaseHeader)
	case order == "start" || order == "resume":
		m.status.State = fault.Running
	case order == "heal":
		m.status.Faults = nil
	case order == "kill" || order == "stop":
		var o fault.Order
		if err := json.NewDecoder(r.Body).Decode(&o); err != nil || time.Duration(o.Hold) < 30*time.Second || o.Hold > m.status.MaxHold {
			return 400, fmt.Errorf("hold of %v: it may be over too soon, or is not allowed", o.Hold)
		}
		m.status.State = fault.Stopped
	case order == "pause":
		m.status.State = fault.Paused
	case order == "wipe" || order == "archive":
		m.status.State, m.status.Archive = fault.Wiped, "/archive/1"
	case r.Method == "DELETE":
		m.status.Faults = nil
	case r.Method == "PUT":
		f := fault.Active{ID: strings.TrimPrefix(order, "faults/"), Packets: 1}
		if err := json.NewDecoder(r.Body).Decode(&f.Spec); err != nil {
			return 400, err
		}
		m.status.Faults = []fault.Active{f}
	}
	if m.bend != nil {
		return m.bend(order, &m.status)
	}
	return 0, nil
}

func (m *member) was(order string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.told, order)
}

// healed says whether nothing is left of a run.
func (m *member) healed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status.State == fault.Running && len(m.status.Faults) == 0 && m.lease == ""
}

type cluster struct {
	*testing.T
	members []*member
	head    string // of the plan
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{T: t, head: "members:\n"}
	for i := 1; i <= 3; i++ {
		m := &member{status: fault.Status{State: fault.New, Dir: true, MaxHold: fault.Duration(5 * time.Minute)}}
		s := httptest.NewServer(m)
		t.Cleanup(s.Close)
		c.members = append(c.members, m)
		c.head += fmt.Sprintf("- {name: m%d, agent: %q, addresses: [192.0.2.%d], health: {exec: 'true'}}\n", i, s.URL, i)
	}
	c.head += "defaults: {hold: 10ms, recover: 10m, timeout: 10m, warmup: 0, cooldown: 0, stable: 0}\n"
	return c
}

func (c *cluster) plan(text string) *plan.Plan {
	c.Helper()
	p, err := plan.Parse([]byte(c.head + text))
	if err != nil {
		c.Fatal(err)
	}
	return p
}

// one runs a plan of one case, and sees that it leaves nothing.
func (c *cluster) one(text string) report.Case {
	c.Helper()
	r, err := Run(context.Background(), c.plan(text), Options{})
	if err != nil || len(r.Cases) != 1 {
		c.Fatalf("error %v, cases %+v", err, r.Cases)
	}
	for i, m := range c.members {
		if !m.healed() {
			c.Errorf("m%d was left so: %+v", i+1, m.status)
		}
	}
	return r.Cases[0]
}

// A case passes only if all has come as it should; each rule that is broken has its own words.
func TestVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		bend    func(order string, s *fault.Status) (int, error) // of m2
		outcome report.Outcome
		reason  string
	}{
		"pass":      {"cases: [{fault: kill, on: m2}]", nil, report.Pass, ""},
		"network":   {"cases: [{fault: isolate, on: m2}]", nil, report.Pass, ""},
		"partition": {"cases: [{fault: partition, shape: bridge}]", nil, report.Pass, ""},
		"effect":    {"cases: [{fault: exec, inject: 'true', effect: 'exit 3'}]", nil, report.Fail, "no effect: exit status 3"},
		"check":     {"check: {exec: 'echo bad >&2; exit 4', tries: 2, pause: 1ms}\ncases: [{fault: none}]", nil, report.Fail, "check: exit status 4: bad"},
		"load": {"load: ['echo $$ >$FAULT_DIR/pid; exit 5']\ncases: [{fault: none, effect: 'until [ -s $FAULT_DIR/pid ] && ! kill -0 $(cat $FAULT_DIR/pid) 2>/dev/null; do sleep 0.01; done'}]",
			nil, report.Fail, "load 1 failed: exit status 5"},
		"load that fails at once": {"load: ['echo bad >&2; exit 5']\ncases: [{fault: none, warmup: 10ms}]", nil, report.Fail, "load 1 failed: exit status 5: bad"},
		"stubborn load": {"load: ['trap \"\" TERM; touch $FAULT_DIR/ready; while :; do sleep 1; done']\ncases: [{fault: none, effect: 'until [ -e $FAULT_DIR/ready ]; do sleep 0.01; done'}]",
			nil, report.Pass, ""},
		"on_failure": {"check: {exec: 'false'}\non_failure: {archive: true, exec: 'exit 6'}\ncases: [{fault: none}]", nil, report.Fail, "; on_failure: exit status 6"},
		"undo":       {"cases: [{fault: exec, inject: 'true', effect: 'false', undo: 'exit 7'}]", nil, report.Fail, "; undo: exit status 7"},
		"without effect": {"cases: [{fault: kill, on: m2}]", func(_ string, s *fault.Status) (int, error) {
			s.State = fault.Running
			return 0, nil
		}, report.Fail, "no effect: m2 is running, not stopped"},
		"no packet": {"cases: [{fault: isolate, on: m2}]", func(order string, s *fault.Status) (int, error) {
			for i := range s.Faults {
				s.Faults[i].Packets = 0
			}
			return 0, nil
		}, report.Fail, "no effect: drop on m2 met no packet of 192.0.2.1, 192.0.2.3"},
		"gone": {"cases: [{fault: loss, percent: 5, on: m2}]", func(order string, s *fault.Status) (int, error) {
			s.Faults = nil
			return 0, nil
		}, report.Fail, "no effect: the fault on m2 is gone before its end"},
		"agent anew": {"cases: [{fault: kill, on: m1}]", func(order string, s *fault.Status) (int, error) {
			s.Began = s.Began.Add(time.Second)
			return 0, nil
		}, report.Unknown, "the agent of m2 was started again during the case: whether the member exited by itself is not known"},
		"died": {"cases: [{fault: kill, on: m1}]", func(order string, s *fault.Status) (int, error) {
			if order == "start" {
				s.Unexpected = 0
			} else if order == "status" {
				s.Unexpected++
				s.Exit = &fault.Exit{Code: 9}
			}
			return 0, nil
		}, report.Fail, "m2 died unexpectedly: exited with status 9"},
		"refused": {"cases: [{fault: kill, on: m2}]", func(order string, s *fault.Status) (int, error) {
			if order == "kill" {
				return 409, errors.New("not now")
			}
			return 0, nil
		}, report.Fail, "inject: agent of m2: not now"},
		"archive": {"check: {exec: 'false'}\ncases: [{fault: none}]", func(order string, s *fault.Status) (int, error) {
			if order == "archive" {
				return 500, errors.New("no space")
			}
			return 0, nil
		}, report.Fail, "check: exit status 1; archive: agent of m2: no space"},
		"unsupported": {"cases: [{fault: slow, delay: 1ms, on: m2}]", func(order string, s *fault.Status) (int, error) {
			s.Unsupported = map[fault.Kind]string{fault.Slow: "no netem"}
			return 0, nil
		}, report.Skip, "slow is not supported on m2: no netem"},
		"unsupported only then": {"cases: [{fault: fill, on: m2}]", func(order string, s *fault.Status) (int, error) {
			if strings.HasPrefix(order, "faults/") && len(s.Faults) > 0 {
				s.Faults = nil
				return 501, errors.New("not on this disk")
			}
			return 0, nil
		}, report.Skip, "agent of m2: not on this disk"},
		"no directory": {"cases: [{fault: wipe, on: m2}]", func(order string, s *fault.Status) (int, error) {
			s.Dir = false
			return 0, nil
		}, report.Skip, "the agent of m2 has no directory to wipe"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCluster(t)
			w.members[1].bend = c.bend
			if !strings.Contains(c.text, "on_failure") {
				c.text = "on_failure: {archive: true}\n" + c.text
			}
			got := w.one(c.text)
			if got.Outcome != c.outcome || c.reason == "" && got.Reason != "" || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("got %s %q, want %s %q", got.Outcome, got.Reason, c.outcome, c.reason)
			}
			if c.outcome == report.Fail && len(got.Archives) == 0 {
				t.Error("no archive is told")
			}
			if (c.outcome == report.Pass || c.outcome == report.Skip) && (w.members[0].was("archive") || len(got.Archives) > 0) {
				t.Error("an archive was made")
			}
		})
	}
}

// A member that is brought back before the end of the hold, as by an agent that was started anew, was not held.
func TestDidNotLast(t *testing.T) {
	w := newCluster(t)
	asked := 0
	w.members[1].bend = func(order string, s *fault.Status) (int, error) {
		if s.State == fault.Stopped && order == "status" {
			if asked++; asked > 1 { // the first finds it stopped
				s.State = fault.Running
			}
		}
		return 0, nil
	}
	c := &Cluster{plan: w.plan("cases: [{fault: kill, on: m2}]"), options: Options{Step: func(string) {}, Now: func(string) {}}, clients: map[string]*client{}}
	for _, m := range c.plan.Members {
		c.clients[m.Name] = newClient(m, "", nil)
	}
	c.evidence = &evidence{dir: t.TempDir()}
	got, err := c.runCase(context.Background(), c.plan.Cases[0], 1, 1) // without a watcher, which asks too
	if err != nil || got.Outcome != report.Fail || got.Reason != "it did not last: m2 is running, not stopped" {
		t.Errorf("%v, %+v", err, got)
	}
}

// What a command leaves behind is ended with it, and if it has got away, not waited for.
func TestLeftBehind(t *testing.T) {
	file := t.TempDir() + "/pid"
	pid := func() (n int) {
		b, err := os.ReadFile(file)
		if err == nil {
			_, err = fmt.Sscan(string(b), &n)
		}
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, exec := range []string{"check: {exec: '%s'}\ncases: [{fault: none}]", "cases: [{fault: exec, inject: '%s'}]"} {
		if got := newCluster(t).one(fmt.Sprintf(exec, "sleep 900 & echo $! >"+file)); got.Outcome != report.Pass {
			t.Errorf("%s: %s", got.Outcome, got.Reason)
		}
		gone := func() bool {
			h, err := proc.Open(pid())
			if err != nil {
				return errors.Is(err, proc.ErrNotFound)
			}
			defer h.Close()
			alive, _ := h.Alive()
			return !alive
		}
		for end := time.Now().Add(time.Minute); !gone(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("process %d was left", pid())
			}
		}
	}
	if _, err := spawn.LookPath("setsid", os.Getenv("PATH"), ""); err != nil {
		t.Skip(err)
	}
	got := newCluster(t).one("cases: [{fault: exec, inject: 'setsid sleep 900 & echo $! >" + file + "'}]")
	_ = syscall.Kill(pid(), syscall.SIGKILL)
	if got.Outcome != report.Pass {
		t.Errorf("%s: %s", got.Outcome, got.Reason)
	}
}

// A case that could not begin has not passed.
func TestNoScratch(t *testing.T) {
	w := newCluster(t)
	t.Setenv("TMPDIR", "/nonexistent")
	r, err := Run(context.Background(), w.plan("cases: [{fault: kill, on: m2}]"), Options{})
	if err == nil || !strings.Contains(err.Error(), "evidence: ") || len(r.Cases) != 0 || r.Ended.IsZero() {
		t.Errorf("error %v, cases %+v", err, r.Cases)
	}
}

// Who is hit is what the plan draws, and nobody else.
func TestTargets(t *testing.T) {
	w := newCluster(t)
	p := w.plan("rounds: 4\nseed: 3\ncases: [{name: a, fault: stop, on: one}, {name: b, fault: kill, on: minority}]")
	r, err := Run(context.Background(), p, Options{})
	if err != nil || len(r.Cases) != 8 {
		t.Fatalf("error %v, cases %+v", err, r.Cases)
	}
	hits := map[string]int{}
	for _, c := range r.Cases {
		want, _ := p.Draw(p.Cases[map[string]int{"a": 0, "b": 1}[c.Name]], c.Round, "")
		if c.Outcome != report.Pass || !slices.Equal(c.Targets, want) {
			t.Errorf("%s in round %d: %s on %v, want %v", c.Name, c.Round, c.Outcome, c.Targets, want)
		}
		for _, n := range c.Targets {
			hits[n]++
		}
	}
	for i, m := range w.members {
		n := 0
		for _, order := range m.told {
			if order == "stop" || order == "kill" {
				n++
			}
		}
		if name := fmt.Sprint("m", i+1); n != hits[name] {
			t.Errorf("%s was hit %d times, and said to be %d times", name, n, hits[name])
		}
	}
}

// Whatever ends a run, it heals and gives the leases back.
func TestHealsOnEveryExit(t *testing.T) {
	left := func(w *cluster) {
		w.Helper()
		for i, m := range w.members {
			if !m.healed() {
				w.Errorf("m%d was left so: %+v", i+1, m.status)
			}
		}
	}
	t.Run("interrupted", func(t *testing.T) {
		w := newCluster(t)
		ctx, cancel := context.WithCancelCause(context.Background())
		w.members[1].bend = func(order string, s *fault.Status) (int, error) {
			if len(s.Faults) > 0 {
				cancel(&signals.Caught{Signal: syscall.SIGTERM})
			}
			return 0, nil
		}
		_, err := Run(ctx, w.plan("cases: [{fault: isolate, on: all, hold: 60s}, {fault: none}]"), Options{})
		if caught := (*signals.Caught)(nil); !errors.As(err, &caught) {
			t.Errorf("error %v", err)
		}
		left(w)
	})
	t.Run("panic", func(t *testing.T) {
		w := newCluster(t)
		defer func() {
			if p := recover(); p != "on purpose" {
				t.Errorf("panic %v", p)
			}
			left(w)
		}()
		_, _ = Run(context.Background(), w.plan("cases: [{name: x, fault: none}]"), Options{Step: func(s string) {
			if s == "x: healed" {
				w.members[2].mu.Lock()
				defer w.members[2].mu.Unlock()
				w.members[2].status.State = fault.Stopped
				panic("on purpose")
			}
		}})
	})
	t.Run("an agent is gone", func(t *testing.T) {
		w := newCluster(t)
		w.members[0].bend = func(order string, s *fault.Status) (int, error) {
			if order == "kill" {
				panic(http.ErrAbortHandler) // the connection ends without an answer
			}
			return 0, nil
		}
		r, err := Run(context.Background(), w.plan("cases: [{fault: kill, on: all}, {fault: none}]"), Options{})
		if gone := (*UnreachableError)(nil); !errors.As(err, &gone) || gone.Member != "m1" {
			t.Errorf("error %v", err)
		}
		if len(r.Cases) != 1 || r.Cases[0].Outcome != report.Fail {
			t.Errorf("%+v", r.Cases)
		}
		left(w)
	})
}

// Of two testers the second is refused, and the first goes on.
func TestTwoTesters(t *testing.T) {
	w := newCluster(t)
	w.members[2].lease = "somebody's"
	_, err := Run(context.Background(), w.plan("cases: [{fault: kill, on: all}]"), Options{})
	if refused := (*RefusedError)(nil); !errors.As(err, &refused) || refused.Status != 409 {
		t.Errorf("error %v", err)
	}
	for i, m := range w.members {
		if len(m.told) > 0 || m.lease != map[bool]string{true: "somebody's"}[i == 2] {
			t.Errorf("m%d was told %v, lease %q", i+1, m.told, m.lease)
		}
	}
}

// What a load prints and reports is kept up to a limit, and then nothing can be told by it.
func TestTallyIsBounded(t *testing.T) {
	for name, line := range map[string]string{"operations": "ok\n", "MiB": strings.Repeat("x", 4000) + "\n"} {
		var out countingWriter
		tally := &tally{open: map[int64]mark{}, file: &out}
		text := []byte(strings.Repeat(line, 1<<20/len(line)))
		for range 300 {
			if n, err := tally.Write(text); n != len(text) || err != nil {
				t.Fatal(n, err)
			}
		}
		if err := tally.failure(); err == nil || !strings.Contains(err.Error(), name) || out > printLimit || len(tally.marks) > markLimit+1<<20 {
			t.Errorf("%s: %v, %d bytes, %d operations", name, err, out, len(tally.marks))
		}
	}
}

type countingWriter int

func (w *countingWriter) Write(b []byte) (int, error) {
	*w += countingWriter(len(b))
	return len(b), nil
}
