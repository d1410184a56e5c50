//go:build linux && cluster

package testscripts

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/fault/report"
)

// All cases of the example on a real etcd, those of etcd's own functional tester among them: every one passes. The table of
// their names is written for the pages, and the report shows in a browser what it should.
func TestFaultCluster(t *testing.T) {
	w := newEtcd(t, stores(t))
	page := filepath.Join(w.dir, "report.html")
	if keep := os.Getenv("FAULT_REPORT"); keep != "" {
		page = keep
	}
	plan := w.plan("etcd.yaml")
	theirs := theirNames(t, plan)
	if len(theirs) != 34 {
		t.Errorf("%d cases of etcd's", len(theirs))
	}
	args := []string{"-c", plan, "--html", page, "--junit", filepath.Join(w.dir, "junit.xml")}
	if only := os.Getenv("FAULT_ONLY"); only != "" { // for who works on the plan
		args = append(args, "--case", only)
	}
	cases, _ := w.run(0, args...)
	failovers := 0
	for _, c := range cases {
		if c.Outcome != report.Pass && !(c.Outcome == report.Skip && (c.Fault == "slow" || strings.HasPrefix(c.Name, "failpoint"))) {
			t.Errorf("%s: %s: %s", c.Name, c.Outcome, c.Reason)
		}
		if c.Failover > 0 {
			failovers++
		}
	}
	done, idle, all := traffic(cases)
	if t.Logf("%d operations; %.0f a second without a fault, %.0f in all", done, idle, all); all < 500 {
		t.Log("fewer than 500: the machine is too slow, or busy")
	}
	if os.Getenv("FAULT_ONLY") != "" {
		return
	}
	if failovers == 0 { // the same may be elected again, but not each time
		t.Error("no fail-over was seen")
	}
	var b strings.Builder
	b.WriteString("# etcd's functional tester, and this one\n\nThe cases of etcd's functional tester (tests/functional, v3.5) as they are in\n" +
		"[etcd.yaml](../examples/etcd.yaml), and what `make test-cluster` last saw of them, on etcd 3.5.21 in three network namespaces on one\n" +
		"machine. SKIP is a fault that this kernel or this build cannot have. Its stressers are those of\n[etcdload](../examples/etcdload), its checkers KV_HASH, " +
		"LEASE_EXPIRE and SHORT_TTL_LEASE_EXPIRE are `etcdload check`, with a\ncompaction after each case; linearizability is judged besides.\n\n")
	fmt.Fprintf(&b, "Its load did %d operations that succeeded: %.0f a second in the case without a fault, and %.0f over all cases that have it,\n"+
		"with the time in which there was no leader, no majority or no member.\n\n| etcd's name | here | verdict |\n|---|---|---|\n", done, idle, all)
	for _, c := range cases {
		if name := theirs[c.Name]; name != "" {
			fmt.Fprintf(&b, "| %s | `%s` | %s |\n", name, c.Name, c.Outcome)
		}
	}
	if err := os.WriteFile("../packaging/docs/etcd.md", []byte(b.String()), 0o644); err != nil {
		t.Error(err)
	}
	w.browse(page, "etcd", "0 failed", "kill-leader", "partition halves", "m1", "m2", "m3", "unhealthy", "state: running", "drop", "Failover")
}

// traffic is what the loads did: the operations that succeeded, and how many a second in the case without a fault, and in all.
func traffic(cases []report.Case) (done int, idle, all float64) {
	seconds := 0.0
	for _, c := range cases {
		for i, p := range c.Phases {
			done, seconds = done+p.OK, seconds+p.Seconds
			if c.Name == "none" && i == 1 {
				idle = p.Rate
			}
		}
	}
	return done, idle, float64(done) / seconds
}

// theirNames are etcd's names of the plan's cases, which stand behind them.
func theirNames(t *testing.T, plan string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(plan)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^- (?:\{)?name: ([a-z-]+)\b.*# ([A-Z_]+)$`).FindAllStringSubmatch(string(text), -1) {
		names[m[1]] = m[2]
	}
	return names
}

// browse loads a page in a browser and looks for what a reader of it would see.
func (w *world) browse(page string, want ...string) {
	w.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		missing(w.T, "chromium")
	}
	cmd := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+w.TempDir(),
		"--virtual-time-budget=1000", "--dump-dom", "file://"+page)
	out, err := cmd.Output()
	if err != nil {
		w.Fatalf("chromium: %v", err)
	}
	for _, text := range want {
		if !strings.Contains(string(out), text) {
			w.Errorf("the page does not show %q", text)
		}
	}
}

// An isolated leader commits nothing, although its clients still reach it.
func TestFaultClusterLeaksNothing(t *testing.T) {
	w := newEtcd(t, "")
	w.healthy()
	file := w.plan("etcd.yaml")
	leader := w.leader(file)
	put := func(key string) bool {
		cmd := w.cmd(w.bridge, "env", "ETCDCTL_API=3", "etcdctl", "--endpoints", fmt.Sprintf("http://10.77.0.%d:2379", leader),
			"--command-timeout=1s", "put", key, "x")
		return cmd.Run() == nil
	}
	if !put("before") {
		t.Fatal("the leader takes no writes to begin with")
	}
	w.tester(0, "do", "-c", file, "--hold", "5s", "isolate", fmt.Sprintf("m%d", leader))
	for i := range 4 {
		if put(fmt.Sprint("leak", i)) {
			t.Errorf("write %d was committed by a leader that is cut off", i)
		}
	}
	s := w.status(leader)
	if len(s.Faults) != 1 || s.Faults[0].Packets == 0 {
		t.Errorf("the fault met nothing, or is gone: %+v", s)
	}
	w.healthy()
}

// Tester and agents are killed in the middle of a fault: it is gone within its hold.
func TestFaultClusterKilled(t *testing.T) {
	w := newEtcd(t, "")
	w.healthy()
	plan := w.plan("etcd.yaml", "cases:\n", "cases:\n- {name: cut, fault: isolate, on: all, hold: 8s}\n- {name: halt, fault: pause, on: all, hold: 50s}\n")

	began := w.killAll(plan, "cut", func(s fault.Status) bool { return len(s.Faults) == 1 })
	if w.reaches(1, 2) && time.Since(began) < 7*time.Second {
		t.Error("the cut ended with the agents, before its hold")
	}
	w.until("the kernel heals", func() bool { return w.reaches(1, 2) && w.reaches(2, 3) && w.reaches(3, 1) })
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("healed %v after a hold of 8s, and 5s more, began", took)
	}
	w.healthy()
	w.takeOver()

	began = w.killAll(plan, "halt", func(s fault.Status) bool { return s.State == fault.Paused })
	w.healthy()
	if took := time.Since(began); took > 40*time.Second {
		t.Errorf("resumed only after %v", took)
	}
	w.takeOver()
	w.run(0, "--case", "kill-one", "-c", plan)
}

// killAll kills tester and agents once the fault of a case is on every member, and tells when it began.
func (w *world) killAll(plan, name string, on func(fault.Status) bool) time.Time {
	w.Helper()
	tester := w.cmd(w.bridge, "fault-tester", "run", "-c", plan, "--case", name)
	if err := tester.Start(); err != nil {
		w.Fatal(err)
	}
	var began time.Time
	w.until("the fault is on all", func() bool {
		began = time.Now()
		return on(w.status(1)) && on(w.status(2)) && on(w.status(3))
	})
	tester.Process.Kill()
	_ = tester.Wait()
	for i, a := range w.agents {
		a.Process.Kill()
		_ = a.Wait()
		w.agents[i] = nil
	}
	return began
}

// takeOver starts agents for members that are left, who find nothing broken and leave no rules.
func (w *world) takeOver() {
	w.Helper()
	for i := range w.members {
		w.agent(i + 1)
		if s := w.status(i + 1); s.State != fault.Running || len(s.Faults) != 0 || s.Exit != nil {
			w.Errorf("m%d: %+v", i+1, s)
		}
		if out, _ := w.cmd(w.members[i], "nft", "list", "ruleset").CombinedOutput(); strings.TrimSpace(string(out)) != "" {
			w.Errorf("the next agent of m%d left rules: %s", i+1, out)
		}
	}
}

// healthy waits until all members of etcd are.
func (w *world) healthy() {
	w.Helper()
	args := []string{"wait-healthy", "--timeout", "60s"}
	for i := 1; i <= 3; i++ {
		args = append(args, "--url", fmt.Sprintf("http://10.77.0.%d:2379/health", i))
	}
	if out, err := w.cmd(w.bridge, args...).CombinedOutput(); err != nil {
		w.Fatalf("wait-healthy: %v: %s", err, out)
	}
}

func (w *world) tester(want int, args ...string) string {
	w.Helper()
	cmd := w.cmd(w.bridge, append([]string{"fault-tester"}, args...)...)
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != want {
		w.Fatalf("fault-tester %q: status %d, want %d: %s", args, got, want, out)
	}
	return string(out)
}

func (w *world) leader(file string) (number int) {
	w.Helper()
	for _, line := range strings.Split(w.tester(0, "check", "-c", file), "\n") {
		if _, err := fmt.Sscanf(line, "leader\tok\tm%d", &number); err == nil {
			return number
		}
	}
	w.Fatal("no leader")
	return 0
}

// reaches says whether one member gets a connection to another's port for peers.
func (w *world) reaches(from, to int) bool {
	return w.cmd(w.members[from-1], "wait-healthy", "--quiet", "--once", "--timeout", "1s", "--url", fmt.Sprintf("tcp://10.77.0.%d:2380", to)).Run() == nil
}

func (w *world) status(member int) (s fault.Status) {
	w.Helper()
	out, err := unixRequest(w.path(".sock", member), "GET", "/v1/status", "")
	if err == nil {
		err = json.Unmarshal(out, &s)
	}
	if err != nil {
		w.Fatal(err)
	}
	return s
}

// Another kind of cluster by configuration alone.
func TestFaultClusterRedis(t *testing.T) {
	w := newWorld(t, "redis-server", "redis-sentinel", "redis-cli", "awk")
	write := func(name, text string) string {
		path := filepath.Join(w.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var sentinels []*exec.Cmd
	t.Cleanup(func() {
		for _, s := range sentinels {
			_ = s.Process.Kill()
			_ = s.Wait()
		}
	})
	for i := 1; i <= 3; i++ {
		replicaof := "replicaof 10.77.0.1 6379\n"
		if i == 1 {
			replicaof = ""
		}
		write(fmt.Sprintf("redis%d.conf", i), fmt.Sprintf("bind 10.77.0.%d\nprotected-mode no\nsave \"\"\ndir %s\ndbfilename dump%d.rdb\nrepl-diskless-sync-delay 0\n%s", i, w.dir, i, replicaof))
		file := write(fmt.Sprintf("sentinel%d.conf", i), fmt.Sprintf("bind 10.77.0.%d\nport 26379\nprotected-mode no\ndir %s\n"+
			"sentinel monitor cluster 10.77.0.1 6379 2\nsentinel down-after-milliseconds cluster 1000\nsentinel failover-timeout cluster 5000\n", i, w.dir))
		s := w.cmd(w.members[i-1], "redis-sentinel", file)
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		sentinels = append(sentinels, s)
	}
	w.start(func(i int) []string {
		return []string{"redis-server", filepath.Join(w.dir, fmt.Sprintf("redis%d.conf", i))}
	})
	plan := w.plan("redis-sentinel.yaml")
	w.until("one master with two replicas", func() bool {
		return w.cmd(w.bridge, "fault-tester", "check", "-q", "-c", plan).Run() == nil
	})
	cases, _ := w.run(1, "-c", plan)
	if len(cases) != 4 {
		t.Errorf("%+v", cases)
	}
	w.verdict("Redis with Sentinel, asynchronous fail-over", "no acknowledged write is lost", "redis-sentinel.yaml", cases)
	for _, c := range cases {
		switch {
		case c.Name == "kill-replica" && c.Outcome != report.Pass:
			t.Errorf("%+v", c)
		case c.Name == "isolate-master" && (c.Outcome != report.Fail || !strings.Contains(c.Reason, "acknowledged writes are lost")):
			t.Errorf("the loss of an asynchronous fail-over is not caught: %+v", c)
		case c.Name != "kill-replica" && c.Failover <= 0:
			t.Errorf("%+v", c)
		}
	}
}
