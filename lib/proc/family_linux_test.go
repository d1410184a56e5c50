package proc

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"pidbox/lib/proc/proctest"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc/procfs"
)

func mustFamily(t *testing.T, pid int, scope Scope) *Family {
	t.Helper()
	f, err := mustOpen(t, pid).Family(scope, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func expectMembers(t *testing.T, f *Family, want ...int) {
	t.Helper()
	slices.Sort(want)
	if got, err := f.Members(); err != nil || !slices.Equal(got, want) {
		t.Fatalf("%s: %v, %v; want %v", f.scope, got, err, want)
	}
}

func needsProc(t *testing.T) {
	if forced == "bare" {
		t.Skip("needs /proc")
	}
}

func TestScopes(t *testing.T) {
	needsProc(t)
	b := startBranches(t)
	leader := b.Process.Pid
	expectMembers(t, mustFamily(t, leader, Process), leader)
	expectMembers(t, mustFamily(t, leader, Group), leader, b.plain)
	expectMembers(t, mustFamily(t, leader, Session), leader, b.plain, b.group)
	expectMembers(t, mustFamily(t, leader, Tree), leader, b.plain, b.group, b.session)
	expectMembers(t, mustFamily(t, b.session, Tree), b.session)

	ours := mustFamily(t, os.Getpid(), Tree)
	members, err := ours.Members()
	if err != nil || slices.Contains(members, os.Getpid()) || !slices.Contains(members, b.session) {
		t.Fatal(members, err)
	}
}

func TestScopeIsSignalled(t *testing.T) {
	needsProc(t)
	for _, scope := range []Scope{Process, Group, Session, Tree} {
		for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
			t.Run(scope.String()+" "+signal.String(), func(t *testing.T) {
				b := startBranches(t)
				inside := map[int]bool{b.plain: scope != Process, b.group: scope > Group, b.session: scope == Tree}
				handles := map[int]*Handle{}
				for pid := range inside {
					handles[pid] = mustOpen(t, pid)
				}
				f := mustFamily(t, b.Process.Pid, scope)
				if err := f.Signal(signal); err != nil {
					t.Fatal(err)
				}
				if err := f.Wait(patient(t)); err != nil {
					t.Fatal(err)
				}
				if alive, err := f.Alive(); alive || err != nil {
					t.Fatal(alive, err)
				}
				for pid, in := range inside {
					expectAlive(t, handles[pid], !in)
					_ = handles[pid].Signal(unix.SIGKILL)
				}
			})
		}
	}
}

func TestStrangersGroupIsRefused(t *testing.T) {
	p := proctest.Sleeper(t)
	for _, scope := range []Scope{Group, Session} {
		var refused *NotLeaderError
		_, err := mustOpen(t, p.PID).Family(scope, nil)
		if !errors.As(err, &refused) || refused.PID != p.PID || refused.Leader == p.PID || refused.Scope != scope {
			t.Error(err)
		}
	}
	b := startBranches(t)
	if _, err := mustOpen(t, b.group).Family(Session, nil); err == nil {
		t.Error("leads only a group")
	}
}

func TestFamilyOfTheReaped(t *testing.T) {
	for _, scope := range []Scope{Group, Session} {
		p := proctest.Own(t)
		h := mustOpen(t, p.PID)
		p.Kill()
		if _, err := h.Family(scope, nil); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	}
}

func TestWaitForTheWholeFamily(t *testing.T) {
	needsProc(t)
	for _, scope := range []Scope{Group, Session, Tree} {
		t.Run(scope.String(), func(t *testing.T) {
			leader, workers := proctest.Leader(t, 2)
			f := mustFamily(t, leader.PID, scope)
			leader.Kill()
			short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			if err := f.Wait(short); err != context.DeadlineExceeded {
				t.Fatal(err)
			}
			expectMembers(t, f, workers...)
			if err := f.Signal(unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if err := f.Wait(patient(t)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestSignalToNobody(t *testing.T) {
	needsProc(t)
	for _, scope := range []Scope{Process, Group, Session, Tree} {
		p := proctest.Own(t)
		f := mustFamily(t, p.PID, scope)
		p.Kill()
		if err := f.Signal(unix.SIGTERM); !errors.Is(err, ErrNotFound) {
			t.Error(scope, err)
		}
		if err := f.Wait(patient(t)); err != nil {
			t.Error(scope, err)
		}
	}
}

func identityOf(t *testing.T, pid int) Identity {
	t.Helper()
	id, err := mustOpen(t, pid).Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestOrphans(t *testing.T) {
	needsProc(t)
	for _, scope := range []Scope{Group, Session} {
		t.Run(scope.String(), func(t *testing.T) {
			leader, workers := proctest.Leader(t, 2)
			recorded := identityOf(t, leader.PID)
			if _, err := Orphans(recorded, scope, nil); err == nil || errors.Is(err, ErrNotFound) {
				t.Fatal(err)
			}
			if err := unix.Kill(leader.PID, unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			proctest.AwaitEnd(t, leader.PID)
			orphans, err := Orphans(recorded, scope, nil) // of a zombie
			if err != nil {
				t.Fatal(err)
			}
			expectMembers(t, orphans, workers...)
			orphans.Close()

			leader.Reap()
			var doubt *DoubtError
			blurred := recorded
			blurred.Inode = 0
			if _, err := Orphans(blurred, scope, nil); !errors.As(err, &doubt) || len(doubt.Members) != 2 {
				t.Fatal(err)
			}
			orphans, err = Orphans(recorded, scope, nil)
			if !canReopen(t) {
				if !errors.As(err, &doubt) {
					t.Fatal(err)
				}
				for _, pid := range workers {
					_ = unix.Kill(pid, unix.SIGKILL)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer orphans.Close()
			expectMembers(t, orphans, workers...)
			if err := orphans.Signal(unix.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := orphans.Wait(patient(t)); err != nil {
				t.Fatal(err)
			}
			if _, err := Orphans(recorded, scope, nil); !errors.Is(err, ErrNotFound) {
				t.Fatal(err)
			}
		})
	}
}

func canReopen(t *testing.T) bool {
	t.Helper()
	self := identityOf(t, os.Getpid())
	p, err := reopenInode(self.PID, self.Inode)
	if err == nil {
		p.close()
	}
	return err == nil
}

func TestNoOrphans(t *testing.T) {
	needsProc(t)
	p := proctest.Own(t)
	recorded := identityOf(t, p.PID)
	p.Kill()
	for _, scope := range []Scope{Process, Group, Session, Tree} {
		if _, err := Orphans(recorded, scope, nil); !errors.Is(err, ErrNotFound) {
			t.Error(scope, err)
		}
	}
	leader, _ := proctest.Leader(t, 1)
	recorded = identityOf(t, leader.PID)
	leader.Kill()
	for _, change := range []func(*Identity){
		func(id *Identity) { id.Boot = "0" },
		func(id *Identity) { id.Namespace++ },
	} {
		other := recorded
		change(&other)
		if _, err := Orphans(other, Group, nil); !errors.Is(err, ErrNotFound) {
			t.Error(other, err)
		}
	}
}

// A group in a session that another process leads is the recorded one's if the session is.
func TestOrphansOfAnOldKernel(t *testing.T) {
	needsProc(t)
	b := startBranches(t)
	recorded := Identity{
		PID: b.group, Start: 1, Boot: CurrentBoot(), Namespace: CurrentNamespace(), Session: b.Process.Pid,
	}
	st, err := procfs.StatOf(b.group)
	if err != nil {
		t.Fatal(err)
	}
	if !recorded.vouches(st) {
		t.Error("not believed")
	}
	for _, change := range []func(*Identity){
		func(id *Identity) { id.Boot = "" },
		func(id *Identity) { id.Boot = "0" },
		func(id *Identity) { id.Start = 0 },
		func(id *Identity) { id.Start = st.Start + 1 },
		func(id *Identity) { id.Session = 0 },
		func(id *Identity) { id.Session = 1 },
		func(id *Identity) { id.Session = id.PID },
	} {
		other := recorded
		change(&other)
		if other.vouches(st) {
			t.Error(other, "is believed")
		}
	}
}
