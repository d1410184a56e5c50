//go:build linux && cluster

package testscripts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a store has acknowledged survives a power failure if it syncs first, and does not if it is told not to sync: redis by
// its appendfsync, etcd by --unsafe-no-fsync.
func TestFaultClusterPower(t *testing.T) {
	w := newWorld(t, "redis-server", "redis-cli", "etcdctl")
	redis := store{
		put:  func(k string) []string { return []string{"redis-cli", "set", k, "value-" + k} },
		get:  func(k string) []string { return []string{"redis-cli", "get", k} },
		done: "OK",
	}
	etcd := store{
		put: func(k string) []string {
			return []string{"env", "ETCDCTL_API=3", "etcdctl", "--command-timeout=3s", "put", k, "value-" + k}
		},
		get: func(k string) []string {
			return []string{"env", "ETCDCTL_API=3", "etcdctl", "--command-timeout=3s", "get", k}
		},
		done: "OK",
	}
	server := filepath.Join(stores(t), "etcd")
	for _, one := range []struct {
		name    string
		store   store
		command []string
		keeps   bool
	}{
		{"redis appendfsync always", redis, []string{"redis-server", "--appendonly", "yes", "--save", "", "--appendfsync", "always"}, true},
		{"redis appendfsync no", redis, []string{"redis-server", "--appendonly", "yes", "--save", "", "--appendfsync", "no"}, false},
		{"etcd", etcd, []string{server, "--data-dir", "data"}, true},
		{"etcd --unsafe-no-fsync", etcd, []string{server, "--data-dir", "data", "--unsafe-no-fsync"}, false},
	} {
		t.Run(one.name, func(t *testing.T) {
			acknowledged, lost := w.fails(t, one.store, one.command)
			t.Logf("%s: %d of %d acknowledged writes lost", one.name, lost, acknowledged)
			planted(t, one.name+", power lost", "no acknowledged write is lost", "do power", map[bool]string{true: "none is lost", false: "some are lost"}[lost == 0])
			if acknowledged < 10 || one.keeps != (lost == 0) {
				t.Errorf("%d acknowledged, %d lost", acknowledged, lost)
			}
		})
	}
}

// store is the commands of a client.
type store struct {
	put, get func(key string) []string
	done     string
}

// fails writes to a store, has its power fail with a torn write, starts it again, and counts what it has lost.
func (w *world) fails(t *testing.T, s store, command []string) (acknowledged, lost int) {
	t.Helper()
	dir := t.TempDir()
	data := filepath.Join(dir, "d")
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	plan := filepath.Join(dir, "plan.yaml")
	text := fmt.Sprintf("members: [{name: m1, agent: \"unix:%s/s\", health: {exec: \"true\"}}]\ncases: [{fault: none}]\n", dir)
	if err := os.WriteFile(plan, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	agent := w.cmd(w.members[0], append([]string{"fault-agent", "-p", dir + "/p", "--listen", "unix:" + dir + "/s", "--dir", data, "--disk",
		"--chdir", data, "--start", "--"}, command...)...)
	var said strings.Builder
	agent.Stderr = &said
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = agent.Process.Signal(os.Interrupt)
		if err := agent.Wait(); err != nil {
			t.Errorf("agent: %v: %s", err, said.String())
		}
	}()
	run := func(words []string) string {
		out, _ := w.cmd(w.members[0], words...).Output()
		return string(out)
	}
	up := func(limit time.Duration) bool {
		for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			if strings.Contains(run(s.put("up")), s.done) {
				return true
			}
		}
		return false
	}
	if !up(patience) {
		t.Fatalf("it does not come up: %s", said.String())
	}
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end) || acknowledged < 10; {
		if strings.Contains(run(s.put(fmt.Sprintf("k%d", acknowledged))), s.done) {
			acknowledged++
		}
		if time.Now().After(end.Add(patience)) {
			return acknowledged, 0
		}
	}
	for _, words := range [][]string{{"do", "-c", plan, "--hold", "0", "--tear", "power", "m1"}, {"do", "-c", plan, "start", "m1"}} {
		if out, err := exec.Command("fault-tester", words...).CombinedOutput(); err != nil {
			t.Fatalf("fault-tester %q: %v: %s", words, err, out)
		}
	}
	if !up(20 * time.Second) {
		t.Log("it does not come up again")
		return acknowledged, acknowledged
	}
	for i := range acknowledged {
		if key := fmt.Sprintf("k%d", i); !strings.Contains(run(s.get(key)), "value-"+key) {
			lost++
		}
	}
	return acknowledged, lost
}

// stores is the directory with an etcd that has failpoints and knows --unsafe-no-fsync, which Debian's are too old for, its
// etcdctl, and a nats-server: make test-cluster has them built, since the tests have no network.
func stores(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("STORES")
	if dir == "" {
		missing(t, "STORES, a directory by testscripts/stores,")
	}
	return dir
}
