//go:build linux

package testscripts

import (
	"encoding/json"
	"fmt"
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
	var st struct{ Restarts int }
	for end := time.Now().Add(patience); st.Restarts == 0 && time.Now().Before(end); { // on a busy machine few fit into a life
		status, said := applet("keep-alive", "-p", s.pidfile(), "--status", "--json")
		if err := json.Unmarshal([]byte(said), &st); err != nil {
			s.Fatalf("--status: %d: %s", status, said)
		}
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
	set, err := limitOfProcesses(t)
	if err != nil {
		t.Logf("no limit of processes can be set: %v", err)
		return func(int, string) {}
	}
	return set
}

func limitOfProcesses(t *testing.T) (func(int, string), error) {
	dir := filepath.Join(t.TempDir(), "pids")
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		err = unix.Mount("pids", dir, "cgroup", 0, "pids")
	}
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	group, err := os.MkdirTemp(dir, "test") // PIDs are those of other namespaces too
	if err != nil {
		return nil, err
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
	}, nil
}

// keepAliveServices has n services crash at a rate, for which the machine has to have the time, and finds no leak in their
// supervisors from the first third of the crashes to the last.
func keepAliveServices(t *testing.T, n, perMinute, crashes int) {
	dir := t.TempDir()
	pace := 0.95 * 60 * float64(n) / float64(perMinute)
	var all []*exec.Cmd
	for i := range n {
		name := filepath.Join(dir, strconv.Itoa(i))
		cmd := exec.Command("keep-alive", "-q", "-p", name+".pid", "--free-restarts", "1000000", "--",
			"sh", "-c", fmt.Sprintf("echo >>%s.starts; sleep %.2f; exit 1", name, pace))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
		t.Cleanup(func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() })
	}
	restarts := func() (sum int) {
		for i := range n {
			if info, err := os.Stat(filepath.Join(dir, strconv.Itoa(i)+".starts")); err == nil {
				sum += int(info.Size()) - 1
			}
		}
		return sum
	}
	reach := func(count int) (each []usage) {
		for last, end := -1, time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
			now := restarts()
			if now >= count {
				break
			}
			if now > last {
				last, end = now, time.Now().Add(patience)
			}
			if time.Now().After(end) {
				t.Fatalf("no restart after %d", last)
			}
		}
		for _, cmd := range all {
			each = append(each, used(t, cmd.Process.Pid))
		}
		return each
	}
	began := time.Now()
	before := reach(crashes / 3)
	after := reach(crashes)
	t.Logf("%d crashes of %d services in %v; the first from %+v to %+v", restarts(), n, time.Since(began).Round(time.Second), before[0], after[0])
	for i := range after {
		if b, a := before[i], after[i]; a.descriptors > b.descriptors+20 || a.threads > b.threads+5 || a.kilobytes > b.kilobytes+4<<10 {
			t.Errorf("service %d grew from %+v to %+v", i, b, a)
		}
	}
}
