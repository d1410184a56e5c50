//go:build linux

package testscripts

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A crash loop leaks neither descriptor, goroutine, thread nor memory.
func keepAliveCrashes(t *testing.T, restarts int) {
	t.Parallel()
	dir := t.TempDir()
	pidfile, stderr := filepath.Join(dir, "x.pid"), filepath.Join(dir, "stderr")
	file, err := os.Create(stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd := exec.Command("keep-alive", "-q", "-p", pidfile, "--free-restarts", "1000000", "--", "true")
	cmd.Stderr, cmd.Env = file, append(os.Environ(), "GOTRACEBACK=all")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	reach := func(n int) usage {
		for last, end := -1, time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			status, said := applet("keep-alive", "-p", pidfile, "--status", "--json")
			var st struct{ Restarts int }
			if status <= 1 && json.Unmarshal([]byte(said), &st) == nil && st.Restarts >= n {
				return used(t, cmd.Process.Pid)
			}
			if st.Restarts > last {
				last, end = st.Restarts, time.Now().Add(patience)
			}
			if time.Now().After(end) {
				t.Fatalf("no restart after %d: status %d: %s", last, status, said)
			}
		}
	}
	before, after := reach(restarts/3), reach(restarts)
	t.Logf("after a third: %+v, at the end: %+v", before, after)
	if after.descriptors > before.descriptors+20 || after.threads > before.threads+5 || after.kilobytes > before.kilobytes+8<<10 {
		t.Errorf("it grew")
	}
	cmd.Process.Signal(syscall.SIGABRT) // the Go runtime shows its goroutines
	<-ended
	text, err := os.ReadFile(stderr)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(regexp.MustCompile(`(?m)^goroutine \d+ `).FindAll(text, -1)); n == 0 || n > 20 {
		t.Errorf("%v, and %d goroutines: %.2000s", cmd.ProcessState, n, text)
	}
}

// usage is what a process holds.
type usage struct{ descriptors, threads, kilobytes int }

func used(t *testing.T, pid int) (u usage) {
	t.Helper()
	for dir, n := range map[string]*int{"fd": &u.descriptors, "task": &u.threads} {
		list, err := os.ReadDir(fmt.Sprintf("/proc/%d/%s", pid, dir))
		if err != nil {
			t.Fatal(err)
		}
		*n = len(list)
	}
	rss, err := fieldOf(fmt.Sprintf("/proc/%d/status", pid), "RssAnon:")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Sscan(rss, &u.kilobytes)
	return u
}

// So many supervisors start at once, and then come to rest: none wakes up for so long.
func keepAliveMany(t *testing.T, n int, quiet time.Duration) {
	t.Parallel()
	began, dir := time.Now(), t.TempDir()
	all := make([]*supervisor, n)
	for i := range all {
		all[i] = &supervisor{T: t, dir: filepath.Join(dir, strconv.Itoa(i)), mark: fmt.Sprintf("1%04d%03d", n, i)}
		if err := os.Mkdir(all[i].dir, 0o755); err != nil {
			t.Fatal(err)
		}
		all[i].start()
		t.Cleanup(func() {
			all[i].kill()
			for _, pid := range all[i].children() {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		})
	}
	for _, s := range all {
		s.serving()
	}
	t.Logf("%d serve after %v", n, time.Since(began).Round(time.Millisecond))
	switches := func(which []*supervisor) (all []int) {
		for _, s := range which {
			all = append(all, wakeups(t, s.cmd.Process.Pid))
		}
		return all
	}
	for restless, end := all, time.Now().Add(patience+10*quiet); len(restless) > 0; { // each runtime takes its time to come to rest
		var still []*supervisor
		before := switches(restless)
		time.Sleep(quiet)
		for i, now := range switches(restless) {
			if now != before[i] {
				still = append(still, restless[i])
			}
		}
		if len(still) < len(restless) {
			end = time.Now().Add(patience + 10*quiet)
		}
		if restless = still; time.Now().After(end) {
			t.Fatalf("%d of %d supervisors woke up in every %v", len(restless), n, quiet)
		}
	}
	// From then on what wakes up is the monitor of the Go runtime, once a minute, which is two switches or three.
	began = time.Now()
	before := switches(all)
	time.Sleep(quiet)
	after := switches(all)
	most := 3 * (1 + int(time.Since(began)/time.Minute))
	for i := range all {
		if after[i]-before[i] > most {
			t.Errorf("%d switches in %v", after[i]-before[i], time.Since(began))
		}
	}
	for _, s := range all {
		s.cmd.Process.Signal(syscall.SIGTERM)
	}
	for _, s := range all {
		s.stop()
	}
}

// wakeups counts how often the threads of a process have been switched to.
func wakeups(t *testing.T, pid int) (sum int) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("process %d has no threads: %v", pid, err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if key, value, _ := strings.Cut(line, ":"); strings.HasSuffix(key, "ctxt_switches") {
				n, _ := strconv.Atoi(strings.TrimSpace(value))
				sum += n
			}
		}
	}
	return sum
}
