package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pidbox/lib/proc/proctest"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc/procfs"
)

// A handle, and an identity, stay with their process when a stranger gets its number.
func TestReusedNumber(t *testing.T) {
	if !proctest.InNamespace(t) {
		return
	}
	everyBackEnd(t, func(t *testing.T, open func(int) (*Handle, error)) {
		p := proctest.Own(t)
		h, err := open(p.PID)
		if err != nil {
			t.Fatal(err)
		}
		if isBare(h) {
			return
		}
		recorded, err := h.Identity()
		if err != nil {
			t.Fatal(err)
		}
		group, err := h.Family(Group, nil)
		if err != nil && forced != "bare" {
			t.Fatal(err)
		}
		p.Kill()
		innocent := mustOpen(t, proctest.Reuse(t, p.PID).PID)

		expectAlive(t, h, false)
		for _, s := range []unix.Signal{0, unix.SIGKILL} {
			if err := h.Signal(s); !errors.Is(err, ErrNotFound) {
				t.Fatal(err)
			}
		}
		if d, is := h.link.(*procDir); is {
			if err := d.kill(unix.SIGKILL); !errors.Is(err, ErrNotFound) {
				t.Fatal(err)
			}
		}
		if err := h.Wait(context.Background()); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Identity(); !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
		if st, err := h.State(); !errors.Is(err, ErrNotFound) {
			t.Fatal(st, err)
		}
		if _, err := h.Family(Tree, nil); forced != "bare" && err != nil {
			t.Fatal(err)
		}
		now, err := innocent.Identity()
		if err != nil {
			t.Fatal(err)
		}
		if now.Inode != 0 && recorded.Inode != 0 || now.Start != recorded.Start {
			if v := recorded.Compare(now); v != Different && forced != "bare" {
				t.Fatal(v)
			}
		}
		if forced != "bare" {
			if err := group.Signal(unix.SIGKILL); !errors.Is(err, ErrNotFound) {
				t.Fatal(err)
			}
			if _, err := Orphans(recorded, Group, nil); !errors.Is(err, ErrNotFound) && now.Inode != 0 && recorded.Inode != 0 {
				t.Fatal(err)
			}
		}
		expectAlive(t, innocent, true)
	})
}

// A group that another process founded under the same number, and left by its death, is nobody's.
func TestReusedGroup(t *testing.T) {
	if !proctest.InNamespace(t) {
		return
	}
	needsProc(t)
	for _, scope := range []Scope{Group, Session} {
		t.Run(scope.String(), func(t *testing.T) {
			p := proctest.Own(t)
			f := mustFamily(t, p.PID, scope)
			recorded := identityOf(t, p.PID)
			p.Kill()
			var workers []int
			for range 1000 {
				setLastPID(t, p.PID-1)
				other, theirs := proctest.Leader(t, 2)
				other.Kill()
				if other.PID == p.PID {
					workers = theirs
					break
				}
			}
			if workers == nil {
				t.Fatal("the number was never given out again")
			}
			members := []*Handle{mustOpen(t, workers[0]), mustOpen(t, workers[1])}
			err := f.Signal(unix.SIGKILL)
			var doubt *DoubtError
			if !errors.Is(err, ErrNotFound) && !errors.As(err, &doubt) {
				t.Fatal(err)
			}
			if err := f.Wait(patient(t)); err != nil && !errors.As(err, &doubt) {
				t.Fatal(err)
			}
			_, err = Orphans(recorded, scope, nil)
			if canReopen(t) && !errors.Is(err, ErrNotFound) || err == nil {
				t.Fatal(err)
			}
			recorded.Inode = 0
			if _, err := Orphans(recorded, scope, nil); !errors.As(err, &doubt) {
				t.Fatal(err)
			}
			for _, h := range members {
				expectAlive(t, h, true)
			}
		})
	}
}

func setLastPID(t *testing.T, pid int) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", fmt.Append(nil, pid), 0); err != nil {
		t.Skip(err)
	}
}

// While one number goes from process to process, what is read of a handle is always of one of them: the name that
// belongs to the inode.
func TestNeverTwoProcessesInOneLook(t *testing.T) {
	if !proctest.InNamespace(t) {
		return
	}
	if identityOf(t, os.Getpid()).Inode == 0 {
		t.Skip("tells processes by their inodes")
	}
	var number atomic.Int64
	number.Store(int64(proctest.Dead(t)))
	var mu sync.Mutex
	names := map[uint64]string{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i, round := 0, 0; i < 60 && round < 3000; round++ {
			pid := int(number.Load())
			if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", pid)); err == nil {
				// A thread of this program got it, and keeps it.
				free := exec.Command("true")
				if err := free.Run(); err != nil {
					t.Error(err)
					return
				}
				number.Store(int64(free.Process.Pid))
				continue
			}
			if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", fmt.Append(nil, pid-1), 0); err != nil {
				t.Error(err)
				return
			}
			name := [...]string{"cat", "head"}[i%2]
			cmd := exec.Command(name)
			in, err := cmd.StdinPipe()
			if err != nil || cmd.Start() != nil {
				t.Error(err)
				return
			}
			if cmd.Process.Pid == pid {
				i++
				if h, err := Open(pid); err == nil {
					mu.Lock()
					names[h.link.(*pidfd).inode()] = name
					mu.Unlock()
					h.Close()
				}
				if i%3 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
			in.Close()
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}()
	type look struct {
		inode, again uint64
		start        uint64
		name         string
	}
	var looks []look
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		h, err := Open(int(number.Load()))
		if err != nil {
			continue
		}
		id, failed := h.Identity()
		info, err := h.Info()
		if failed == nil && err == nil {
			looks = append(looks, look{id.Inode, h.link.(*pidfd).inode(), id.Start, info.Name})
		}
		h.Close()
	}
	starts := map[uint64]uint64{}
	told := 0
	for _, l := range looks {
		if l.inode != l.again {
			t.Fatal(l)
		}
		if starts[l.inode] == 0 {
			starts[l.inode] = l.start
		}
		if starts[l.inode] != l.start {
			t.Errorf("%+v started at %d before", l, starts[l.inode])
		}
		name := names[l.inode]
		if name != "" && (l.name == "cat" || l.name == "head") {
			told++
			if l.name != name {
				t.Errorf("%+v is %s", l, name)
			}
		}
	}
	t.Logf("%d looks, %d at a process with a name, %d processes", len(looks), told, len(starts))
}

// Whatever a member does, after a KILL to its family and a wait nothing is left of it.
func TestKillLeavesNothingOfForkers(t *testing.T) {
	if !proctest.InNamespace(t) {
		return
	}
	needsProc(t)
	for _, scope := range []Scope{Group, Session, Tree} {
		t.Run(scope.String(), func(t *testing.T) {
			cmd := exec.Command("sh", "-c", `
				storm() { while :; do sleep 600 & sh -c 'sleep 600 & sleep 600 & wait' & sleep 0.001; done; }
				storm & storm & wait`)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			h := mustOpen(t, cmd.Process.Pid)
			f := mustFamily(t, cmd.Process.Pid, scope)
			for until := time.Now().Add(patience); ; {
				members, err := f.Members()
				if err != nil || time.Now().After(until) {
					t.Fatal(members, err)
				}
				if len(members) > 50 {
					break
				}
			}
			if err := f.Signal(unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if err := f.Wait(patient(t)); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			expectAlive(t, h, false)
			pids, err := procfs.Numbers()
			if err != nil {
				t.Fatal(err)
			}
			for _, pid := range pids {
				if st, err := procfs.StatOf(pid); err == nil && st.Name == "sleep" && !st.Ended() {
					t.Errorf("%+v is left", st)
				}
			}
		})
	}
}

// Where /proc is that of another PID namespace its numbers are not believed.
func TestForeignProc(t *testing.T) {
	if os.Getenv(helper) != "foreign" {
		if os.Geteuid() != 0 {
			t.Skip("needs root")
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestForeignProc$", "-test.v")
		cmd.Env = append(os.Environ(), helper+"=foreign")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
		out, err := cmd.CombinedOutput()
		if errors.Is(err, unix.EPERM) {
			t.Skip(err)
		}
		if err != nil || !strings.Contains(string(out), "--- PASS: TestForeignProc") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	p := proctest.Own(t)
	h := mustOpen(t, p.PID)
	expectAlive(t, h, true)
	id, err := h.Identity()
	if err != nil || id.Start != 0 || id.Boot == "" || id.Namespace == 0 {
		t.Error(id, err)
	}
	if id.Inode != 0 {
		if v := id.Compare(identityOf(t, p.PID)); v != Same {
			t.Error(v)
		}
	}
	if info, err := h.Info(); err != nil || info.Name != "" || info.UID != -1 || info.Group != p.PID {
		t.Errorf("%+v", info)
	}
	if st, err := h.State(); err != nil || st != 0 {
		t.Error(st, err)
	}
	for _, scope := range []Scope{Session, Tree} {
		if _, err := h.Family(scope, nil); err == nil {
			t.Error(scope)
		}
	}
	if err := h.link.signalGroup(0); errors.Is(err, errors.ErrUnsupported) {
		return
	}
	f, err := h.Family(Group, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.Reap()
	if err := f.Wait(patient(t)); err != nil {
		t.Fatal(err)
	}
}
