//go:build linux

package testscripts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Every bug of the toy store fails a case, and the store without one passes all: as often in a row as TOY_RUNS says, which
// make test-cluster does at length.
func TestFaultToyStore(t *testing.T) {
	t.Parallel()
	runs, _ := strconv.Atoi(os.Getenv("TOY_RUNS"))
	bugs := []string{"early", "forgets", "rejoins", "stale", "flaps", "corrupt", "double", "overlap"}
	for range max(runs, 1) {
		bugs = append(bugs, "")
	}
	var mu sync.Mutex // of the table
	few := make(chan struct{}, 3)
	for i, bug := range bugs {
		t.Run(fmt.Sprint(i, bug), func(t *testing.T) {
			t.Parallel()
			few <- struct{}{}
			defer func() { <-few }()
			w := newToy(t, bug, bug == "overlap" || bug == "" && i%2 == 0)
			want := map[bool]int{true: 0, false: 1}[bug == ""]
			status, said := w.run()
			if status != want {
				t.Errorf("status %d, want %d: %s", status, want, said)
			}
			if bug != "" && bug != "flaps" && !strings.Contains(said, "not a history of register") {
				t.Errorf("it failed for another reason: %s", said)
			}
			if bug == "flaps" && !strings.Contains(said, "not healthy ") {
				t.Errorf("it failed for another reason: %s", said)
			}
			if bug == "overlap" && !strings.Contains(said, "FAIL round 1 two-at-once") { // one at a time it is as good as the clean one
				t.Errorf("it failed in another case: %s", said)
			}
			t.Logf("%q: %s", bug, said)
			if runs > 0 && bug != "" && !t.Failed() {
				mu.Lock()
				defer mu.Unlock()
				planted(t, "toy store, "+bug, "each key is a register, members stay healthy", "one, two and all killed, one paused", "FAIL")
			}
		})
	}
}

type toyWorld struct {
	*testing.T
	dir, plan string
}

// newToy is three members of the toy store, each with an agent. The two faults at once hold until they have met a write, and
// its key is read after them, if the clients have keys of their own.
func newToy(t *testing.T, bug string, own bool) *toyWorld {
	w := &toyWorld{T: t, dir: t.TempDir()}
	if err := os.Chmod(w.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	members := ""
	for m := 1; m <= 3; m++ {
		name := fmt.Sprintf("m%d", m)
		socket := filepath.Join(w.dir, name+".sock")
		agent := exec.Command("fault-agent", "-p", filepath.Join(w.dir, name+".pid"), "--listen", "unix:"+socket, "--start", "--",
			"toystore", "-me", strconv.Itoa(m), "-dir", w.dir, "-bug", bug)
		var said strings.Builder
		agent.Stderr = &said
		if err := agent.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			agent.Process.Signal(syscall.SIGTERM)
			if err := agent.Wait(); err != nil && agent.ProcessState.ExitCode() != -1 {
				t.Errorf("agent: %v: %s", err, said.String())
			}
		})
		for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			if _, err := os.Stat(socket); err == nil {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("the agent does not listen: %s", said.String())
			}
		}
		members += fmt.Sprintf("- {name: %s, agent: \"unix:%s\", health: {exec: [wait-healthy, --once, -q, --unix-socket, \"%s\", \"http://toy/health\"]}}\n", name, socket, filepath.Join(w.dir, fmt.Sprintf("kv%d.sock", m)))
	}
	keys := "'5'"
	if bug == "overlap" && !own { // what was lost must be read before it is written again
		keys = "'30', -clients, '15'"
	}
	recovery := "2m" // on a busy machine
	if bug == "flaps" {
		recovery = "10s" // it never does
	}
	w.plan = filepath.Join(w.dir, "plan.yaml")
	two := "hold: 3s, held: \"fault-tester do -c " + w.plan + " --hold 3s pause m2\""
	least := "1"
	if bug == "forgets" || bug == "rejoins" { // what all have lost is certain to be read only by who writes that key alone
		keys, least = keys+", -own", "20"
	}
	switch bug { // however slow it is, there are so many operations that the bug shows
	case "stale":
		least = "400"
	case "early", "corrupt", "double":
		least = "100"
	}
	if own {
		keys += ", -own"
		two = "held: \"fault-tester do -c " + w.plan + " --hold 2m pause m2\", until: {exec: [toyload, -dir, \"" + w.dir + "\", -seen, answered], timeout: 90s}, " +
			"after: \"fault-tester do -c " + w.plan + " resume m2; until toyload -dir " + w.dir + " -seen read; do sleeper -for 50ms; done\""
	}
	text := "name: toy\nmembers:\n" + members + `
defaults: {hold: 1s, recover: ` + recovery + `, timeout: 1m, warmup: 500ms, cooldown: 500ms, min_ok: ` + least + `, stable: 1200ms}
load: [{exec: [toyload, -dir, "` + w.dir + `", -keys, ` + keys + `]}]
check: {model: register}
on_failure: {stop: true}
cases:
- {name: kill-one, fault: kill, on: one}
- {name: pause-one, fault: pause, on: one}
- {name: two-at-once, fault: kill, on: m1, ` + two + `}
- {name: kill-all, fault: kill, on: all}
`
	if err := os.WriteFile(w.plan, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return w
}

// holds has the plan's faults hold for longer.
func (w *toyWorld) holds(d string) {
	b, err := os.ReadFile(w.plan)
	if err == nil {
		err = os.WriteFile(w.plan, []byte(strings.Replace(string(b), "hold: 1s, recover", "hold: "+d+", recover", 1)), 0o644)
	}
	if err != nil {
		w.Fatal(err)
	}
}

func (w *toyWorld) run() (int, string) {
	cmd := exec.Command("fault-tester", "run", "-c", w.plan, "--evidence", filepath.Join(w.dir, "evidence"))
	out, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), string(out)
}

// Exploring finds the bug that takes two faults at one moment, and shrinks what it has found to these two; the plan that it
// writes finds the bug again. One fault is enough for a bug that takes one, and the clean store is not accused.
func TestFaultToyStoreExplored(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		bug, want string
		args      []string
	}{
		{"", "no case failed", []string{"--for", "5s"}},
		{"forgets", "explore-", []string{"--for", "2m"}},
		{"overlap", "with 2 of its", []string{"--for", "10m", "--overlap", "4"}},
	} {
		if one.bug == "overlap" && os.Getenv("TOY_RUNS") == "" {
			continue
		}
		t.Run(one.bug, func(t *testing.T) {
			t.Parallel()
			w := newToy(t, one.bug, false)
			if one.bug == "overlap" {
				w.holds("3s")
			}
			cmd := exec.Command("fault-tester", append([]string{"explore", w.plan, "--seed", "3", "--evidence", filepath.Join(w.dir, "evidence")}, one.args...)...)
			out, _ := cmd.CombinedOutput()
			t.Logf("%s", out)
			want := map[bool]int{true: 0, false: 1}[one.bug == ""]
			if got := cmd.ProcessState.ExitCode(); got != want || !strings.Contains(string(out), one.want) || !strings.Contains(string(out), "\nSTRUCK ") {
				t.Errorf("status %d, want %d and %q", got, want, one.want)
			}
			if one.bug == "" {
				return
			}
			for range 5 { // it is found again, if not each time
				if again := exec.Command("fault-tester", "run", "-q", filepath.Join(w.dir, "evidence", "shrunk.yaml")); again.Run() != nil {
					return
				}
			}
			t.Error("the plan of what was found fails no more")
		})
	}
}

// planted writes the row of that name, which is where it was, or the last one.
func planted(t *testing.T, name, claim, plan, outcome string) {
	t.Helper()
	const file = "../packaging/docs/verdicts.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	row := fmt.Sprintf("| %s | %s | %s | %s |", name, claim, plan, outcome)
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if i := slices.IndexFunc(lines, func(s string) bool { return strings.HasPrefix(s, "| "+name+" |") }); i >= 0 {
		lines[i] = row
	} else {
		lines = append(lines, row)
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}
