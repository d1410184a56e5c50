package proc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/testscripts/lab"
)

func expectStopped(t *testing.T, h *Handle, want bool) {
	t.Helper()
	for until := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		state, err := h.State()
		if err != nil {
			t.Fatal(err)
		}
		if (state == 'T') == want {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("process %d stays in state %s", h.pid, state)
		}
	}
}

// A KILL to a tree that is given up leaves no member stopped.
func TestFreezeIsUndone(t *testing.T) {
	needsProc(t)
	leader, workers := lab.Leader(t, 2)
	f := mustFamily(t, leader.PID, Tree)
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(why)
	if err := f.SignalContext(ctx, unix.SIGKILL); !errors.Is(err, why) {
		t.Fatal(err)
	}
	for _, pid := range append(workers, leader.PID) {
		h := mustOpen(t, pid)
		expectStopped(t, h, false)
		expectAlive(t, h, true)
	}
	if len(f.guards.pids) > 0 {
		t.Error(f.guards.pids)
	}
	if err := f.SignalContext(ctx, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// Nor does one whose sender is killed, and all of its group with it.
func TestFreezeOfTheKilledIsUndone(t *testing.T) {
	needsProc(t)
	if forced != "" {
		t.Skip("needs pidfds")
	}
	leader, workers := lab.Leader(t, 2)
	cmd, in, out := startLeader(t, helper+"=freezer", helper+"_PID="+strconv.Itoa(leader.PID))
	defer func() { _ = cmd.Wait() }()
	defer in.Close()
	var done string
	if _, err := fmt.Fscan(out, &done); err != nil || done != "frozen" {
		t.Fatal(done, err)
	}
	all := append(workers, leader.PID)
	for _, pid := range all {
		expectStopped(t, mustOpen(t, pid), true)
	}
	if err := unix.Kill(-cmd.Process.Pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, pid := range all {
		h := mustOpen(t, pid)
		expectStopped(t, h, false)
		expectAlive(t, h, true)
	}
}

func freezeAndHang() {
	pid, _ := strconv.Atoi(os.Getenv(helper + "_PID"))
	h, err := Open(pid)
	var f *Family
	if err == nil {
		f, err = h.Family(Tree, nil)
	}
	if err == nil {
		err = f.freeze(context.Background())
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("frozen")
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(1)
}

// The parent of a vfork sleeps in the kernel as long as the child has not executed: it cannot stand, and need not.
func TestFreezeOfAVforkParent(t *testing.T) {
	needsProc(t)
	cmd, in, out := startLeader(t, helper+"=vfork")
	defer func() { _ = cmd.Wait() }()
	defer in.Close()
	var child int
	if _, err := fmt.Fscan(out, &child); err != nil {
		t.Fatal(err)
	}
	h, c := mustOpen(t, cmd.Process.Pid), mustOpen(t, child)
	for state := State(0); state != 'D'; {
		var err error
		if state, err = h.State(); err != nil {
			t.Fatal(err)
		}
	}
	f := mustFamily(t, cmd.Process.Pid, Tree)
	parent := &member{Identity{PID: h.pid}, h}
	if err := h.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if stood, err := settle(context.Background(), []*member{parent}); !stood || err != nil {
		t.Error(stood, err)
	}
	if err := f.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := f.Wait(patient(t)); err != nil {
		t.Fatal(err)
	}
	expectAlive(t, h, false)
	expectAlive(t, c, false)
}

// first keeps the main goroutine on the first thread, whose state is that of the process: it is there only as long as
// variables are initialized.
var first = func() bool {
	if os.Getenv(helper) != "vfork" {
		return false
	}
	runtime.LockOSThread()
	return true
}()

// vforkAndHang forks a child that never executes, in the manner of vfork(2) but with a memory of its own.
func vforkAndHang() {
	if !first {
		os.Exit(1)
	}
	cmd := exec.Command(os.Args[0]) // tells the child's number, since this thread is about to sleep
	cmd.Env = append(os.Environ(), helper+"=children", helper+"_PID="+strconv.Itoa(os.Getpid()))
	cmd.Stdout = os.Stdout
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = unix.Kill(-os.Getpid(), unix.SIGKILL)
	}()
	vfork()
	os.Exit(1)
}

//go:norace
//go:nosplit
//go:noinline
func vfork() {
	pid, _, _ := syscall.RawSyscall6(unix.SYS_CLONE, unix.CLONE_VFORK|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	for pid == 0 {
		syscall.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
	}
}

func tellChild() {
	parent, _ := strconv.Atoi(os.Getenv(helper + "_PID"))
	h, err := Open(parent)
	for err == nil {
		var f *Family
		if f, err = h.Family(Tree, nil); err != nil {
			break
		}
		if pids := pidsOf(f); len(pids) > 0 { // less this process
			fmt.Println(pids[0])
			os.Exit(0)
		}
		f.Close()
	}
	fmt.Println(err)
	os.Exit(1)
}

// A stopped member is let go, another is not disturbed.
func TestResume(t *testing.T) {
	needsProc(t)
	leader, workers := lab.Leader(t, 2)
	f := mustFamily(t, leader.PID, Session)
	h := mustOpen(t, workers[0])
	for _, resume := range []func() error{f.Resume, h.Resume} {
		if err := h.Signal(unix.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		expectStopped(t, h, true)
		if err := resume(); err != nil {
			t.Fatal(err)
		}
		expectStopped(t, h, false)
	}
}

// Who must not be signalled is not let go either.
func TestResumeOnlyTheAllowed(t *testing.T) {
	needsProc(t)
	b := startBranches(t)
	f, err := mustOpen(t, b.Process.Pid).Family(Session, func(pid, _, _ int) error {
		if pid == b.plain {
			return unix.EPERM
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	left, resumed := mustOpen(t, b.plain), mustOpen(t, b.group)
	for _, h := range []*Handle{left, resumed} {
		if err := h.Signal(unix.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		expectStopped(t, h, true)
	}
	var refused *Refused
	if err := f.Signal(0); !errors.As(err, &refused) {
		t.Fatal(err)
	}
	if err := f.Resume(); err != nil {
		t.Fatal(err)
	}
	expectStopped(t, resumed, false)
	expectStopped(t, left, true)
}

// A process that has the number of one that got the signal is not that one.
func TestSignalGoesToANewBearer(t *testing.T) {
	needsProc(t)
	b := startBranches(t)
	d := mustFamily(t, b.Process.Pid, Session).deliver()
	d.sent[b.plain] = Identity{PID: b.plain, Start: 1}
	fresh, err := d.fresh()
	if err != nil || !slices.ContainsFunc(fresh, func(m *member) bool { return m.id.PID == b.plain }) {
		t.Error(fresh, err)
	}
}
