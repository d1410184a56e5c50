package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc/procfs"
	"pidbox/testscripts/lab"
)

func pidsOf(f *Family) (pids []int) {
	for pid := range f.known {
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	return pids
}

// Whoever is not in the scope when it is looked at through its handle is no member, whatever was read before.
func TestTheScopeIsCheckedAgainOnTheHandle(t *testing.T) {
	needsProc(t)
	stranger := lab.Sleeper(t)
	for _, scope := range []Scope{Group, Session, Tree} {
		leader := lab.Own(t)
		f := newFamily(mustOpen(t, leader.PID), scope, nil)
		defer f.Close()
		f.scan = func() ([]procfs.Stat, error) {
			return []procfs.Stat{{PID: stranger.PID, Parent: leader.PID, Group: leader.PID, Session: leader.PID}}, nil
		}
		if err := f.look(); err != nil || len(f.known) > 0 {
			t.Error(scope, pidsOf(f), err)
		}
	}
}

// departed is the link to a process that was reaped after its status was read.
type departed struct {
	gone
	st procfs.Stat
}

func (d departed) stat() (procfs.Stat, error) { return d.st, nil }

// A child of a number is a descendant only if the number is the member's still.
func TestTheParentMustBeHeld(t *testing.T) {
	needsProc(t)
	leader, workers := lab.Leader(t, 1)
	f := newFamily(newHandle(leader.PID, gone{}), Tree, nil)
	defer f.Close()
	if err := f.look(); err != nil || len(f.known) > 0 {
		t.Error("of a leader that was reaped:", pidsOf(f), err)
	}
	root := lab.Own(t)
	f = newFamily(mustOpen(t, root.PID), Tree, nil)
	defer f.Close()
	f.known[leader.PID] = &member{Identity{PID: leader.PID}, newHandle(leader.PID, departed{})}
	if err := f.look(); err != nil || f.known[workers[0]] != nil {
		t.Error("of a member that was reaped:", pidsOf(f), err)
	}
	f = mustFamily(t, leader.PID, Tree)
	if !slices.Equal(pidsOf(f), workers) {
		t.Error("of a live one:", pidsOf(f))
	}
}

// One look that finds none is not enough: a process may fork and end while /proc is read.
func TestTwoEmptyLooksAreTheEnd(t *testing.T) {
	needsProc(t)
	leader, _ := lab.Leader(t, 1)
	h := mustOpen(t, leader.PID)
	f := newFamily(h, Session, nil)
	defer f.Close()
	ended := false
	f.scan = func() ([]procfs.Stat, error) {
		if alive, err := h.Alive(); err != nil || alive {
			return nil, err
		}
		if !ended { // the first look after the end
			ended = true
			return nil, nil
		}
		return f.processes()
	}
	if err := unix.Kill(leader.PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	lab.AwaitEnd(t, leader.PID)
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.Wait(over); err != context.Canceled {
		t.Fatal(err)
	}
}

// A member that moves to another group of the session is signalled, and waited for, all the same, and so is a leader.
func TestWhoLeavesTheGroupStaysAMember(t *testing.T) {
	needsProc(t)
	for _, mover := range []string{"leader", "worker"} {
		t.Run(mover, func(t *testing.T) {
			m := startMovers(t)
			f := mustFamily(t, m.leader, Group)
			if f.exact {
				if err := f.Signal(unix.SIGWINCH); err != nil { // which looks for the members
					t.Fatal(err)
				}
			}
			moved := m.move(t, mover)
			expectMembers(t, f, m.leader, m.worker)
			short, cancel := context.WithCancel(context.Background())
			cancel()
			if err := f.Wait(short); err != context.Canceled {
				t.Fatal(err)
			}
			if err := f.Signal(unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if err := f.Wait(patient(t)); err != nil {
				t.Fatal(err)
			}
			expectAlive(t, moved, false)
			expectAlive(t, mustOpen(t, m.host), true)
			m.reap()
			if err := f.Signal(unix.SIGTERM); !errors.Is(err, ErrNotFound) {
				t.Fatal(err)
			}
		})
	}
}

// moving is the link of a leader whose group a member leaves just before the kernel is told to signal that.
type moving struct {
	link
	move func()
}

func (m moving) signalGroup(s syscall.Signal) error {
	if s == unix.SIGKILL {
		m.move()
	}
	return m.link.signalGroup(s)
}

// So is one that leaves the group at the very moment of the signal.
func TestWhoLeavesTheGroupAsItIsSignalledIsAMember(t *testing.T) {
	needsProc(t)
	m := startMovers(t)
	f := mustFamily(t, m.leader, Group)
	if !f.exact {
		t.Skip("groups are not signalled as one here")
	}
	var moved *Handle
	f.leader.link = moving{f.leader.link, func() { moved = m.move(t, "worker") }}
	if err := f.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := f.Wait(patient(t)); err != nil {
		t.Fatal(err)
	}
	expectAlive(t, moved, false)
	m.reap()
}

// Who must not be signalled and is gone before the signal is all delivered is not left.
func TestForbiddenMemberThatEndsMeanwhile(t *testing.T) {
	needsProc(t)
	leader, workers := lab.Leader(t, 2)
	worker := mustOpen(t, workers[1])
	f, err := mustOpen(t, leader.PID).Family(Session, func(pid, _, _ int) error {
		if pid != workers[1] {
			return nil
		}
		if err := worker.Signal(unix.SIGKILL); err != nil && !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		if err := worker.Wait(patient(t)); err != nil {
			t.Error(err)
		}
		return errors.New("it is a secret service")
	})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Signal(unix.SIGTERM); err != nil {
		t.Error(err)
	}
}

// With an Allow nobody is signalled whom it forbids, all others are, and what is left is named.
func TestForbiddenMembersAreLeftAlone(t *testing.T) {
	needsProc(t)
	secret := errors.New("it is a secret service")
	for _, scope := range []Scope{Group, Session, Tree} {
		t.Run(scope.String(), func(t *testing.T) {
			leader, workers := lab.Leader(t, 3)
			asked := map[int]bool{}
			f, err := mustOpen(t, leader.PID).Family(scope, func(pid, ruid, suid int) error {
				asked[pid] = true
				if ruid != os.Getuid() || suid != os.Geteuid() {
					return fmt.Errorf("%d, %d", ruid, suid)
				}
				if pid == workers[1] {
					return secret
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			handles := []*Handle{mustOpen(t, workers[0]), mustOpen(t, workers[1]), mustOpen(t, workers[2])}
			var refused *Refused
			err = f.Signal(unix.SIGKILL)
			if !errors.As(err, &refused) || !slices.Equal(refused.Members, workers[1:2]) || !errors.Is(err, secret) {
				t.Fatal(err)
			}
			if !strings.Contains(err.Error(), strconv.Itoa(workers[1])) || len(asked) != 4 {
				t.Error(err, asked)
			}
			if err := f.Wait(patient(t)); !errors.As(err, &refused) || !slices.Equal(refused.Members, workers[1:2]) {
				t.Fatal(err)
			}
			for i, h := range handles {
				expectAlive(t, h, i == 1)
			}
			if state, err := handles[1].State(); state == 'T' || err != nil {
				t.Error(state, err)
			}
			if err := handles[1].Signal(unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if err := handles[1].Wait(patient(t)); err != nil { // who must not be signalled is not waited for
				t.Fatal(err)
			}
			if err := f.Wait(patient(t)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestOrphansAreAskedFor(t *testing.T) {
	needsProc(t)
	leader, workers := lab.Leader(t, 2)
	recorded := identityOf(t, leader.PID)
	if err := unix.Kill(leader.PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	lab.AwaitEnd(t, leader.PID)
	for _, scope := range []Scope{Group, Session} {
		f, err := Orphans(recorded, scope, func(int, int, int) error { return errors.New("no") })
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var refused *Refused
		if err := f.Signal(unix.SIGKILL); !errors.As(err, &refused) || len(refused.Members) != 2 {
			t.Fatal(err)
		}
	}
	for _, pid := range workers {
		expectAlive(t, mustOpen(t, pid), true)
	}
}

// Where there are more members than descriptors each of them is signalled and waited for. It is a process of its own
// that has so few.
func TestMoreMembersThanDescriptors(t *testing.T) {
	needsProc(t)
	for _, scope := range []Scope{Group, Session, Tree} {
		t.Run(scope.String(), func(t *testing.T) {
			leader, workers := lab.Leader(t, 60)
			out, err := crowd(leader.PID, scope, 40).CombinedOutput()
			if err != nil || string(out) != "gone\n" {
				t.Fatalf("%v: %s", err, out)
			}
			for _, pid := range workers {
				h, err := Open(pid)
				if errors.Is(err, ErrNotFound) {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				defer h.Close()
				expectAlive(t, h, false)
			}
		})
	}
	leader, workers := lab.Leader(t, 1)
	out, _ := crowd(leader.PID, Session, 10).CombinedOutput()
	if !strings.Contains(string(out), unix.EMFILE.Error()) || strings.Contains(string(out), "goroutine") {
		t.Errorf("%s", out)
	}
	expectAlive(t, mustOpen(t, workers[0]), true)
}

func crowd(pid int, scope Scope, limit int) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helper+"=crowd", fmt.Sprintf("%s_CROWD=%d %d %d", helper, pid, scope, limit))
	return cmd
}

func stopCrowd() {
	var pid, scope, limit int
	_, err := fmt.Sscan(os.Getenv(helper+"_CROWD"), &pid, &scope, &limit)
	if err == nil {
		lim := syscall.Rlimit{Cur: uint64(limit), Max: uint64(limit)}
		err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lim)
	}
	var h *Handle
	if err == nil {
		h, err = Open(pid)
	}
	var f *Family
	if err == nil {
		f, err = h.Family(Scope(scope), nil)
	}
	for _, s := range []syscall.Signal{unix.SIGWINCH, unix.SIGKILL} {
		if err == nil {
			err = f.Signal(s)
		}
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		err = f.Wait(ctx)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("gone")
	os.Exit(0)
}

// movers are a leader of a group, a worker in it, and their parent, in whose group either can be moved.
type movers struct {
	host, leader, worker int
	ask                  func(string) error
	reap                 func()
}

// startMovers starts a host, which leads a session and starts the others in it: only a parent can move a child that has
// not executed, so they are copies of this program that move on request.
func startMovers(t *testing.T) *movers {
	t.Helper()
	cmd, in, out := startLeader(t, helper+"=movers")
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	m := &movers{host: cmd.Process.Pid}
	if _, err := fmt.Fscan(out, &m.leader, &m.worker); err != nil {
		t.Fatal(err)
	}
	ask := func(what string) error {
		if _, err := fmt.Fprintln(in, what); err != nil {
			return err
		}
		var answer string
		if _, err := fmt.Fscan(out, &answer); err != nil || answer != "done" {
			return fmt.Errorf("%q: %w", answer, err)
		}
		return nil
	}
	m.ask, m.reap = ask, func() {
		if err := ask("reap"); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (m *movers) move(t *testing.T, who string) *Handle {
	t.Helper()
	if err := m.ask(who); err != nil {
		t.Fatal(err)
	}
	pid := m.worker
	if who == "leader" {
		pid = m.leader
	}
	h := mustOpen(t, pid)
	if group, err := h.group(); err != nil || group != m.host {
		t.Fatal(group, err)
	}
	return h
}

// hostMovers starts the two and passes requests on.
func hostMovers() {
	type child struct {
		*exec.Cmd
		ask func() error
	}
	start := func(group int) child {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), helper+"=mover", helper+"_HOME="+strconv.Itoa(os.Getpid()))
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: group, Pdeathsig: syscall.SIGKILL}
		in, err1 := cmd.StdinPipe()
		out, err2 := cmd.StdoutPipe()
		if err := errors.Join(err1, err2, cmd.Start()); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return child{cmd, func() error {
			fmt.Fprintln(in, "move")
			_, err := fmt.Fscanln(out)
			return err
		}}
	}
	leader := start(0)
	worker := start(leader.Process.Pid)
	fmt.Println(leader.Process.Pid, worker.Process.Pid)
	for {
		var what string
		if _, err := fmt.Scan(&what); err != nil {
			_, _ = leader.Process.Kill(), worker.Process.Kill()
			_, _ = leader.Wait(), worker.Wait()
			os.Exit(0)
		}
		var err error
		switch what {
		case "leader":
			err = leader.ask()
		case "worker":
			err = worker.ask()
		case "reap":
			_, _ = leader.Wait(), worker.Wait()
		}
		if err != nil && err.Error() != "unexpected newline" {
			fmt.Println(err)
			continue
		}
		fmt.Println("done")
	}
}

func moveOnRequest() {
	home, _ := strconv.Atoi(os.Getenv(helper + "_HOME"))
	for {
		if _, err := fmt.Scanln(new(string)); err != nil {
			os.Exit(0)
		}
		if err := unix.Setpgid(0, home); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println()
	}
}

// The leader is asked for too, before each signal: by a set-user-ID program it may have become another's.
func TestForbiddenLeaderIsLeftAlone(t *testing.T) {
	needsProc(t)
	for _, scope := range []Scope{Process, Group, Session, Tree} {
		leader, workers := lab.Leader(t, 1)
		changed := false
		why := errors.New("it is another's now")
		f, err := mustOpen(t, leader.PID).Family(scope, func(pid, _, _ int) error {
			if pid == leader.PID && changed {
				return why
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Signal(unix.SIGCONT); err != nil {
			t.Error(scope, err)
		}
		changed = true
		var refused *Refused
		if err := f.Signal(unix.SIGKILL); !errors.As(err, &refused) || !errors.Is(err, why) || !slices.Equal(refused.Members, []int{leader.PID}) {
			t.Error(scope, err)
		}
		if err := f.Wait(patient(t)); !errors.As(err, &refused) {
			t.Error(scope, err)
		}
		expectAlive(t, mustOpen(t, leader.PID), true)
		if scope == Process {
			expectAlive(t, mustOpen(t, workers[0]), true)
		}
		f.Close()
		leader.Kill()
		for _, pid := range workers {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}
