//go:build linux && cluster

package testscripts

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pidbox/lib/fault/report"
)

// What etcd promises it keeps, and what it does not, it is caught at: a serializable read is of one member alone, which may
// be behind.
func TestFaultClusterSerializable(t *testing.T) {
	w := newEtcd(t, "")
	plan := w.plan("etcd.yaml", "load: [[etcdload,", "load: [[etcdload, -serializable,")
	cases, _ := w.run(1, "-c", plan, "--case", "isolate-one")
	w.verdict("etcd, serializable reads, a follower isolated", "no read shows what cannot be", "etcd.yaml with `etcdload -serializable`", cases)
	if len(cases) != 1 || !strings.Contains(cases[0].Reason, "not a history of cas") {
		t.Errorf("%+v", cases)
	}
}

// PostgreSQL with a synchronous standby keeps what it has acknowledged, and goes on or refuses as it should; with fsync off it
// is caught at its first power failure, if it starts again at all, and reads from a standby are caught as old.
func TestFaultClusterPostgres(t *testing.T) {
	for _, one := range []struct {
		name, pattern string
		args          []string
		replace       []string
		want          int
	}{
		{"PostgreSQL, synchronous standby", "*", nil, nil, 0},
		{"PostgreSQL, fsync off, power lost", "power-all", []string{"-c", "fsync=off"}, nil, 1},
		{"PostgreSQL, reads from a standby that is isolated", "isolate-standby", nil, []string{"get: psql -qAt \"host=10.77.0.1", "get: psql -qAt \"host=10.77.0.3"}, 1},
	} {
		t.Run(one.name, func(t *testing.T) {
			w := newWorld(t, "psql", "pg_isready")
			script, err := filepath.Abs("../packaging/examples/postgres-member")
			if err != nil {
				t.Fatal(err)
			}
			w.owned("postgres")
			w.options = func(int) []string { return []string{"--user", "postgres", "--disk"} }
			w.start(func(i int) []string { return append([]string{script, fmt.Sprint(i), w.path("/data", i)}, one.args...) })
			cases, _ := w.run(one.want, "-c", w.plan("postgres.yaml", one.replace...), "--case", one.pattern)
			w.verdict(one.name, "each key is a register", "postgres.yaml", cases)
			for _, c := range cases {
				if one.want == 1 && !strings.Contains(c.Reason, "not a history of register") && !strings.HasPrefix(c.Reason, "after the fault: ") {
					t.Errorf("it failed for another reason: %+v", c)
				}
			}
		})
	}
}

// owned makes the members' directories a user's.
func (w *world) owned(name string) {
	w.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		missing(w.T, name)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chmod(filepath.Dir(w.dir), 0o755); err != nil { // the test's own, which another user cannot enter
		w.Fatal(err)
	}
	for i := range w.members {
		if err = os.MkdirAll(w.path("", i+1), 0o755); err == nil {
			err = os.Chown(w.path("", i+1), uid, gid)
		}
		if err != nil {
			w.Fatal(err)
		}
	}
}

// verdict writes a row of packaging/docs/verdicts.md: what was planted, and what came of it.
func (w *world) verdict(name, claim, plan string, cases []report.Case) {
	w.Helper()
	var some []string
	for _, o := range []report.Outcome{report.Pass, report.Fail, report.Unknown, report.Skip} {
		n := 0
		for _, c := range cases {
			if c.Outcome == o {
				n++
			}
		}
		if n > 0 {
			some = append(some, fmt.Sprintf("%d %s", n, o))
		}
	}
	planted(w.T, name, claim, plan, strings.Join(some, ", "))
}

// NATS JetStream keeps what it has acknowledged while members are killed, paused, slow or cut off; reads that any member may
// answer are caught as old, and so is what it says yes to before it is on a disk.
func TestFaultClusterNATS(t *testing.T) {
	server := filepath.Join(stores(t), "nats-server")
	for _, one := range []struct {
		name, pattern string
		replace       []string
		caught        string // the case that fails
	}{
		{"NATS JetStream, reads of the leader", "*", nil, "power-all"},
		{"NATS JetStream, reads of any member", "slow-one", []string{"load: [[natsload,", "load: [[natsload, -direct,"}, "slow-one"},
	} {
		t.Run(one.name, func(t *testing.T) {
			w := newWorld(t)
			build := exec.Command("go", "build", "-o", filepath.Join(w.dir, "bin", "natsload"), "../packaging/examples/natsload")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			w.env = []string{"PATH=" + filepath.Join(w.dir, "bin") + ":" + os.Getenv("PATH")}
			w.options = func(int) []string { return []string{"--disk"} }
			w.start(func(i int) []string {
				at := func(port, member int) string { return fmt.Sprintf("nats://10.77.0.%d:%d", member, port) }
				return []string{server, "-n", fmt.Sprint("m", i), "-a", fmt.Sprint("10.77.0.", i), "-m", "8222", "-js", "-sd", w.path("/data", i),
					"--cluster_name", "c", "--cluster", at(6222, i), "--routes", at(6222, i%3+1) + "," + at(6222, (i+1)%3+1)}
			})
			w.electNATS()
			cases, _ := w.run(1, "-c", w.plan("nats.yaml", one.replace...), "--case", one.pattern)
			for _, c := range cases {
				why := c.Name == one.caught && (strings.Contains(c.Reason, "not a history of register") || strings.HasPrefix(c.Reason, "after the fault: "))
				if c.Outcome == report.Pass && c.Name == one.caught || c.Outcome == report.Fail && !why {
					t.Errorf("%+v", c)
				}
			}
			last := len(cases) - 1
			if one.pattern != "*" {
				w.verdict(one.name, "each key is a register", "nats.yaml, "+one.pattern, cases)
				return
			}
			if last != 7 || cases[last].Name != one.caught {
				t.Fatalf("%d cases: %+v", len(cases), cases)
			}
			w.verdict(one.name, "each key is a register", "nats.yaml, all but power-all", cases[:last])
			w.verdict("NATS JetStream, power lost", "each key is a register", "nats.yaml, power-all", cases[last:])
		})
	}
}

// electNATS waits until the members have found each other, and starts them again if they do not: of three that begin at one
// moment it happens that none ever leads.
func (w *world) electNATS() {
	w.Helper()
	all := []string{"wait-healthy", "-q", "--timeout", "30s"}
	for i := 1; i <= 3; i++ {
		all = append(all, "--url", fmt.Sprintf("http://10.77.0.%d:8222/healthz", i))
	}
	w.until("NATS has a leader", func() bool {
		if w.cmd(w.bridge, all...).Run() == nil {
			return true
		}
		w.Log("it did not elect a leader")
		for i := 1; i <= 3; i++ {
			if _, err := unixRequest(w.path(".sock", i), "POST", "/v1/restart", "{}"); err != nil {
				w.Fatal(err)
			}
		}
		return false
	})
}
