//go:build linux

package testscripts

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// These run in numbers that take seconds; those of keepalive_supervisor_test.go in the numbers of the contract.

func TestKeepAliveChaos(t *testing.T)   { keepAliveChaos(t, 200) }
func TestKeepAliveCrashes(t *testing.T) { keepAliveCrashes(t, 300) }
func TestKeepAliveMany(t *testing.T)    { keepAliveMany(t, 20, 2*time.Second) }
func TestKeepAliveIdle(t *testing.T)    { keepAliveMany(t, 1, 10*time.Second) }

// supervisor is a keep-alive of a sleep that is told from all others by its argument.
type supervisor struct {
	*testing.T
	dir, mark string
	cmd       *exec.Cmd
	ended     chan struct{}
}

func (s *supervisor) pidfile() string { return filepath.Join(s.dir, "x.pid") }
func (s *supervisor) child() string   { return filepath.Join(s.dir, "x.child.pid") }

func (s *supervisor) start() {
	s.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		s.Fatal(err)
	}
	defer log.Close()
	s.cmd = exec.Command("keep-alive", "-p", s.pidfile(), "--free-restarts", "1000000", "--", "sleep", s.mark)
	s.cmd.Stderr = log
	if err := s.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	cmd, ended := s.cmd, make(chan struct{})
	s.ended = ended
	go func() { cmd.Wait(); close(ended) }()
}

func (s *supervisor) kill() {
	s.cmd.Process.Kill()
	<-s.ended
}

// stop ends the supervisor in good order and finds nothing left.
func (s *supervisor) stop() {
	s.Helper()
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(patience):
		s.Fatal("keep-alive does not end")
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.Errorf("keep-alive ended with %d", code)
	}
	for _, path := range []string{s.pidfile(), s.child(), s.pidfile() + ".control"} {
		if _, err := os.Lstat(path); err == nil {
			s.Errorf("%s is left", path)
		}
	}
	if left := s.children(); len(left) > 0 {
		s.Errorf("children are left: %v", left)
	}
}

// children are the live processes that run the supervised command.
func (s *supervisor) children() (pids []int) {
	want := "sleep\x00" + s.mark + "\x00"
	for _, pid := range processes() {
		if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && string(line) == want && running(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// two finds two children that live at one moment: both are pinned first, and then looked at again.
func (s *supervisor) two() []int {
	pids := s.children()
	if len(pids) < 2 {
		return nil
	}
	var alive []int
	for range 2 { // what still lives in the second round lived beside all that was pinned in the first
		alive = nil
		for _, pid := range pids {
			if fd, err := unix.PidfdOpen(pid, 0); err == nil {
				n, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
				unix.Close(fd)
				if n == 0 {
					alive = append(alive, pid)
				}
			}
		}
		pids = alive
	}
	if len(alive) < 2 {
		return nil
	}
	return alive
}

// serving waits for the one child that the pidfile names, and returns it.
func (s *supervisor) serving() int {
	s.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		pid, err := readPID(s.child())
		pids := s.children()
		if err == nil && len(pids) == 1 && pids[0] == pid {
			return pid
		}
		if time.Now().After(end) {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			s.Fatalf("the pidfile names %d (%v), these run: %v\n%s", pid, err, pids, log)
		}
	}
}

// Whoever is killed at whatever moment, supervisor or child or both: there are never two children, there is one again
// soon, and no stranger is signalled, not even one that has got the number of a child.
func keepAliveChaos(t *testing.T, kills int) {
	if !alone(t) {
		return
	}
	s := &supervisor{T: t, dir: t.TempDir(), mark: "98765"}
	var over atomic.Bool
	var looks int
	var checker sync.WaitGroup
	checker.Go(func() {
		for ; !over.Load(); looks++ {
			if pids := s.two(); pids != nil {
				t.Errorf("two children at once: %v", pids)
				return
			}
		}
	})
	defer checker.Wait()
	defer over.Store(true)
	var strangers []*bystander
	for range 5 {
		strangers = append(strangers, start(t))
	}
	s.start()
	random := rand.New(rand.NewPCG(1, uint64(os.Getpid())))
	var longest time.Duration
	for n := 0; n < kills && !t.Failed(); {
		time.Sleep(time.Duration(random.IntN(30)) * time.Millisecond)
		switch what := random.IntN(10); {
		case what < 4: // the supervisor, perhaps before it has a child
			s.kill()
			n++
			s.start()
		case what < 9:
			began := time.Now()
			syscall.Kill(s.serving(), syscall.SIGKILL)
			n++
			s.serving()
			longest = max(longest, time.Since(began))
		default: // both, and a stranger gets the child's number
			child := s.serving()
			s.kill()
			syscall.Kill(child, syscall.SIGKILL)
			n += 2
			heir, err := startAs(child, func() *exec.Cmd { return exec.Command("sleep", "300") })
			if err != nil {
				t.Fatal(err)
			}
			gone := make(chan struct{})
			go func() { heir.Wait(); close(gone) }()
			t.Cleanup(func() { heir.Process.Kill(); <-gone })
			strangers = append(strangers, &bystander{child, gone})
			s.start()
		}
	}
	s.serving()
	over.Store(true)
	checker.Wait()
	s.stop()
	for _, b := range strangers {
		if !b.alive() {
			t.Errorf("the stranger %d was killed", b.pid)
		}
	}
	t.Logf("%d looks for a second child; a killed child was back after %v at most", looks, longest.Round(time.Millisecond))
}

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
	if after.descriptors > before.descriptors+10 || after.threads > before.threads+5 || after.kilobytes > before.kilobytes+8<<10 {
		t.Errorf("it grew")
	}
	cmd.Process.Signal(syscall.SIGQUIT) // the Go runtime shows its goroutines
	<-ended
	text, err := os.ReadFile(stderr)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(regexp.MustCompile(`(?m)^goroutine \d+ `).FindAll(text, -1)); n == 0 || n > 20 {
		t.Errorf("%d goroutines", n)
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

// So many supervisors start at once, and then none of them wakes up for so long.
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
	switches := func() (sum int) {
		for _, s := range all {
			sum += wakeups(t, s.cmd.Process.Pid)
		}
		return sum
	}
	for end := time.Now().Add(90*time.Second + quiet); ; { // the runtime takes its time to come to rest
		before := switches()
		time.Sleep(quiet)
		after := switches()
		if after == before {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d wake-ups in %v of %d supervisors", after-before, quiet, n)
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
