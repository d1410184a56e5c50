//go:build linux

package testscripts

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// keepAliveStorm kills the child every 50 ms and its supervisor every 2 s, whose log is read half of the time, and whose control
// group has no room for another process now and then; every few seconds it is stopped in good order. There are never two
// children, there is none after a stop that succeeded, and no restart is missed or made up.
func keepAliveStorm(t *testing.T, length time.Duration) {
	if !alone(t) {
		return
	}
	s := &supervisor{T: t, dir: t.TempDir(), mark: "98766"}
	s.log = stallingReader(t)
	limit := pidsLimit(t)
	var over, paused atomic.Bool
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer over.Store(true)
	helpers.Go(func() {
		for !over.Load() {
			if pids := s.two(); pids != nil {
				t.Errorf("two children at once: %v", pids)
				return
			}
		}
	})
	var kills, total atomic.Int32
	helpers.Go(func() {
		for ; !over.Load(); time.Sleep(50 * time.Millisecond) {
			if paused.Load() {
				continue
			}
			for _, pid := range s.children() {
				kills.Add(1)
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	var stops, lives int
	for end := time.Now().Add(length); time.Now().Before(end) && !t.Failed(); lives++ {
		kills.Store(0)
		s.start()
		s.answers()
		limit(s.cmd.Process.Pid, "4")
		time.Sleep(300 * time.Millisecond)
		limit(s.cmd.Process.Pid, "max")
		time.Sleep(1700 * time.Millisecond)
		if lives%3 < 2 {
			s.counted(&kills)
			s.kill()
		} else {
			if status, said := applet("keep-alive", "-p", s.pidfile(), "--stop"); status != 0 {
				t.Fatalf("--stop: status %d: %s", status, said)
			}
			if pids := s.children(); len(pids) > 0 {
				t.Fatalf("children are left by a stop that succeeded: %v", pids)
			}
			<-s.ended
			stops++
		}
		total.Add(kills.Load())
	}
	paused.Store(true)
	s.start()
	s.serving()
	s.answers()
	s.stop()
	t.Logf("%d lives of keep-alive, %d stops, %d kills of its child", lives, stops, total.Load())
}

// counted holds the number of restarts against the kills: none is made up, and while it can start, few are outstanding.
func (s *supervisor) counted(kills *atomic.Int32) {
	s.Helper()
	status, said := applet("keep-alive", "-p", s.pidfile(), "--status", "--json")
	var st struct{ Restarts int }
	if err := json.Unmarshal([]byte(said), &st); err != nil {
		s.Fatalf("--status: %d: %s", status, said)
	}
	if most := int(kills.Load()); st.Restarts > most || st.Restarts == 0 {
		s.Errorf("%d restarts after %d kills", st.Restarts, most)
	}
}

// stallingReader is a pipe that is read every other second.
func stallingReader(t *testing.T) *os.File {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	go func() {
		defer r.Close()
		for buffer := make([]byte, 4096); ; {
			for end := time.Now().Add(time.Second); time.Now().Before(end); {
				if _, err := r.Read(buffer); err != nil {
					return
				}
			}
			time.Sleep(time.Second)
		}
	}()
	return w
}

// pidsLimit makes a control group that limits the number of processes; the function sets that limit, with a process in the
// group. Where there is no such group nothing is limited.
func pidsLimit(t *testing.T) func(int, string) {
	dir := filepath.Join(t.TempDir(), "pids")
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		err = unix.Mount("pids", dir, "cgroup", 0, "pids")
	}
	group := filepath.Join(dir, "storm"+strconv.Itoa(os.Getpid()))
	if err == nil {
		t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
		err = os.Mkdir(group, 0o755)
	}
	if err != nil {
		t.Logf("no limit of processes can be set: %v", err)
		return func(int, string) {}
	}
	t.Cleanup(func() { os.Remove(group) })
	return func(pid int, limit string) {
		err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
		if err == nil {
			err = os.WriteFile(filepath.Join(group, "pids.max"), []byte(limit), 0)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// keepAliveServices has n services crash at a rate, and finds no leak in their supervisors.
func keepAliveServices(t *testing.T, n int, every, length time.Duration) {
	dir := t.TempDir()
	var all []*exec.Cmd
	for i := range n {
		pidfile := filepath.Join(dir, strconv.Itoa(i)+".pid")
		cmd := exec.Command("keep-alive", "-q", "-p", pidfile, "--free-restarts", "1000000", "--", "sleep", strconv.FormatFloat(every.Seconds(), 'f', 3, 64))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
		t.Cleanup(func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() })
	}
	time.Sleep(length / 3)
	before := make([]usage, n)
	for i, cmd := range all {
		before[i] = used(t, cmd.Process.Pid)
	}
	time.Sleep(2 * length / 3)
	crashes := 0
	for i, cmd := range all {
		status, said := applet("keep-alive", "-p", filepath.Join(dir, strconv.Itoa(i)+".pid"), "--status", "--json")
		var st struct{ Restarts int }
		if err := json.Unmarshal([]byte(said), &st); err != nil {
			t.Fatalf("--status: %d: %s", status, said)
		}
		crashes += st.Restarts
		after := used(t, cmd.Process.Pid)
		if after.descriptors > before[i].descriptors+20 || after.threads > before[i].threads+5 || after.kilobytes > before[i].kilobytes+4<<10 {
			t.Errorf("service %d grew from %+v to %+v", i, before[i], after)
		}
	}
	t.Logf("%d crashes of %d services in %v", crashes, n, length)
	if crashes < n {
		t.Errorf("%d crashes", crashes)
	}
}
