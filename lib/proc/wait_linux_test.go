package proc

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc/procfs"
	"pidbox/testscripts/lab"
)

// searched waits for the members to end, one after the other with a pause, and gives how often it searched.
func searched(t testing.TB, scope Scope, workers int, pause time.Duration) int {
	t.Helper()
	leader, pids := lab.Leader(t, workers)
	h, err := Open(leader.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	f, err := h.Family(scope, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	waited := make(chan error, 1)
	go func() { waited <- f.Wait(context.Background()) }()
	for _, pid := range append([]int{leader.PID}, pids...) {
		one, err := Open(pid)
		if err != nil {
			t.Fatal(err)
		}
		if err := one.Signal(unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if err := one.Wait(context.Background()); err != nil {
			t.Fatal(err)
		}
		one.Close()
		time.Sleep(pause)
	}
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
	return f.searches
}

// The wait for many members does not read all of /proc for each that ends.
func TestWaitSearchesSeldom(t *testing.T) {
	needsProc(t)
	for scope, most := range map[Scope]int{Group: 4, Session: 4, Tree: 12} {
		n := searched(t, scope, 100, 0)
		t.Logf("%s: %d searches for 101 ends", scope, n)
		if n > most {
			t.Errorf("%s: %d searches", scope, n)
		}
	}
}

// While nobody ends the waiting thread is not woken.
func TestWaitSleeps(t *testing.T) {
	if forced != "" {
		t.Skip("needs pidfds")
	}
	for _, scope := range []Scope{Group, Session, Tree} {
		leader, _ := lab.Leader(t, 3)
		f := mustFamily(t, leader.PID, scope)
		id, waited := make(chan int, 1), make(chan error, 1)
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		go func() {
			runtime.LockOSThread()
			id <- unix.Gettid()
			waited <- f.Wait(ctx)
		}()
		thread := <-id
		for asleep(t, thread) == 0 {
			time.Sleep(time.Millisecond)
		}
		searches, before := f.searches, asleep(t, thread)
		time.Sleep(1500 * time.Millisecond) // longer than any timer that it once had; a busy machine only makes it longer
		if after := asleep(t, thread); after != before || f.searches != searches {
			t.Errorf("%s: woken %d times, searched %d times", scope, after-before, f.searches-searches)
		}
		cancel()
		if err := <-waited; err != context.Canceled {
			t.Error(err)
		}
	}
}

// A wait for a time ends by the process, by the time, by its context or by Close, and each is told from the others.
func TestWaitFor(t *testing.T) {
	p := lab.Own(t)
	h := mustOpen(t, p.PID)
	if forced != "" {
		if gone, err := h.WaitFor(context.Background(), 0); gone || !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%t, %v", gone, err)
		}
		return
	}
	const short = 20 * time.Millisecond
	for _, d := range []time.Duration{short, short + time.Microsecond, time.Nanosecond, 0, -1, -time.Hour} {
		began := time.Now()
		if gone, err := h.WaitFor(context.Background(), d); gone || err != nil || time.Since(began) < d {
			t.Errorf("%v: %t, %v after %v", d, gone, err, time.Since(began))
		}
	}
	cause := errors.New("enough")
	ended, end := context.WithCancelCause(context.Background())
	waited := make(chan error, 1)
	go func() { _, err := h.WaitFor(ended, 1<<63-1); waited <- err }()
	end(cause)
	if err := <-waited; !errors.Is(err, cause) {
		t.Error(err)
	}
	again := mustOpen(t, p.PID)
	go func() { _, err := again.WaitFor(context.Background(), time.Hour); waited <- err }()
	again.Close()
	if err := <-waited; !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	go func() {
		gone, err := h.WaitFor(context.Background(), time.Hour)
		if !gone && err == nil {
			err = errors.New("not gone")
		}
		waited <- err
	}()
	if err := h.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if gone, err := h.WaitFor(ended, 0); !gone || err != nil {
		t.Errorf("%t, %v", gone, err)
	}
}

// asleep is how often the thread has gone to sleep by now, 0 if it does not sleep in poll(2).
func asleep(t *testing.T, thread int) int {
	t.Helper()
	dir := "/proc/self/task/" + strconv.Itoa(thread)
	polls, err := lab.Polls(dir)
	if err != nil {
		t.Skip(err)
	}
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		t.Fatal(err)
	}
	if !polls {
		return 0
	}
	n, err := strconv.Atoi(string(procfs.Field(status, "voluntary_ctxt_switches:")))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// BenchmarkWaitForMany waits for 100 members that end one after the other, among 2000 other processes.
func BenchmarkWaitForMany(b *testing.B) {
	if forced == "bare" {
		b.Skip("needs /proc")
	}
	crowd := exec.Command("sh", "-c", `i=0; while [ $i -lt 2000 ]; do sleep 600 & i=$((i+1)); done; echo ready; wait`)
	crowd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := crowd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := crowd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = unix.Kill(-crowd.Process.Pid, unix.SIGKILL)
		_ = crowd.Wait()
	}()
	if _, err := out.Read(make([]byte, 1)); err != nil {
		b.Fatal(err)
	}
	for _, scope := range []Scope{Group, Session, Tree} {
		b.Run(scope.String(), func(b *testing.B) {
			for b.Loop() {
				var before, after unix.Rusage
				_ = unix.Getrusage(unix.RUSAGE_SELF, &before)
				n := searched(b, scope, 100, 20*time.Millisecond)
				_ = unix.Getrusage(unix.RUSAGE_SELF, &after)
				cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
				b.ReportMetric(float64(n), "searches")
				b.ReportMetric(float64(cpu)/1e6, "cpu-ms")
			}
		})
	}
}

// A search on the way passes over those that cannot have come into the tree since the last one, and over no others.
func TestBriefSearch(t *testing.T) {
	f := newFamily(newHandle(2, gone{}), Tree, nil)
	f.known[20] = &member{}
	f.remember([]procfs.Stat{
		{PID: 1}, {PID: 10, Parent: 1}, {PID: 11, Parent: 10}, {PID: 12, Parent: 99}, {PID: 13, Parent: 1},
		{PID: 20, Parent: 2}, {PID: 21, Parent: 20}, {PID: 22, Parent: 2},
	})
	delete(f.strangers, 13) // its number is another's by now
	want := []int{2, 12, 13, 14, 20, 21, 22}
	if got := f.changed([]int{1, 2, 10, 11, 12, 13, 14, 20, 21, 22}); !slices.Equal(got, want) {
		t.Error(got)
	}
	if got := f.changed([]int{1, 11}); !slices.Equal(got, []int{11}) {
		t.Error(got)
	}
	f.remember([]procfs.Stat{{PID: 11, Parent: 1}})
	if got := f.changed([]int{1, 10, 11}); !slices.Equal(got, []int{10}) {
		t.Error("the number of one that has gone is a stranger's: ", got)
	}
}
