package proc

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"pidbox/lib/proc/proctest"

	"golang.org/x/sys/unix"
)

const patience = 60 * time.Second

// everyBackEnd runs a test of a handle on each back end that this kernel has.
func everyBackEnd(t *testing.T, test func(t *testing.T, open func(pid int) (*Handle, error))) {
	for _, back := range []struct {
		name string
		open func(int) (link, error)
	}{
		{"chosen", open},
		{"procdir", openProcDir},
		{"bare", openBare},
	} {
		t.Run(back.name, func(t *testing.T) {
			test(t, func(pid int) (*Handle, error) {
				l, err := back.open(pid)
				if err != nil {
					return nil, err
				}
				h := newHandle(pid, l)
				t.Cleanup(func() { h.Close() })
				return h, nil
			})
		})
	}
}

func mustOpen(t *testing.T, pid int) *Handle {
	t.Helper()
	h, err := Open(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func isBare(h *Handle) bool { _, is := h.link.(bare); return is }

func expectAlive(t *testing.T, h *Handle, want bool) {
	t.Helper()
	if alive, err := h.Alive(); err != nil || alive != want {
		t.Fatalf("process %d alive: %v, %v; want %v", h.PID(), alive, err, want)
	}
}

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestChildIsSignalledAndWaitedFor(t *testing.T) {
	everyBackEnd(t, func(t *testing.T, open func(int) (*Handle, error)) {
		p := proctest.Sleeper(t)
		h, err := open(p.PID)
		if err != nil {
			t.Fatal(err)
		}
		expectAlive(t, h, true)
		if err := h.Signal(0); err != nil {
			t.Fatal(err)
		}
		if err := h.Signal(unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if isBare(h) {
			p.Reap() // it does not see zombies
		}
		if err := h.Wait(patient(t)); err != nil {
			t.Fatal(err)
		}
		expectAlive(t, h, false)
		select {
		case <-h.Done():
		case <-time.After(patience):
			t.Fatal("Done stays open")
		}
		p.Reap() // so Wait did not
		if err := h.Signal(unix.SIGTERM); !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
		if _, err := h.Identity(); !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
		if _, err := h.Info(); !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
	})
}

func TestDoneOpensOnlyAtTheEnd(t *testing.T) {
	p := proctest.Sleeper(t)
	h := mustOpen(t, p.PID)
	select {
	case <-h.Done():
		t.Fatal("at once")
	default:
	}
	p.Kill()
	select {
	case <-h.Done():
	case <-time.After(patience):
		t.Fatal("never")
	}
}

func TestNoSuchProcess(t *testing.T) {
	everyBackEnd(t, func(t *testing.T, open func(int) (*Handle, error)) {
		if h, err := open(proctest.Dead(t)); !errors.Is(err, ErrNotFound) {
			t.Fatal(h, err)
		}
	})
	for _, pid := range []int{0, -1, -os.Getpid(), 1<<31 - 1} {
		if _, err := Open(pid); !errors.Is(err, ErrNotFound) {
			t.Error(pid, err)
		}
	}
}

func TestThreadIsNoProcess(t *testing.T) {
	everyBackEnd(t, func(t *testing.T, open func(int) (*Handle, error)) {
		if h, err := open(proctest.ThreadID(t)); !errors.Is(err, ErrNotFound) {
			t.Fatal(h, err)
		}
	})
	if err := bare(proctest.ThreadID(t)).signal(unix.SIGKILL); !errors.Is(err, ErrNotFound) { // else this is the end
		t.Fatal(err)
	}
}

func TestZombie(t *testing.T) {
	everyBackEnd(t, func(t *testing.T, open func(int) (*Handle, error)) {
		p := proctest.Zombie(t)
		h, err := open(p.PID)
		if err != nil {
			t.Fatal(err)
		}
		if isBare(h) {
			return
		}
		expectAlive(t, h, false)
		if err := h.Wait(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := h.Signal(unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if st, err := h.State(); st != 'Z' {
			t.Fatal(st, err)
		}
		id, err := h.Identity()
		if err != nil || id.PID != p.PID || id.Start == 0 {
			t.Fatal(id, err)
		}
	})
}

func TestFirstThreadEndedOthersRun(t *testing.T) {
	everyBackEnd(t, func(t *testing.T, open func(int) (*Handle, error)) {
		cmd := headless(t)
		h, err := open(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		if isBare(h) {
			return
		}
		if st, err := h.State(); err != nil || st == 'Z' {
			t.Fatal(st, err)
		}
		expectAlive(t, h, true)
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		if err := h.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if err := h.Signal(unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if err := h.Wait(patient(t)); err != nil {
			t.Fatal(err)
		}
		expectAlive(t, h, false)
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	everyBackEnd(t, func(t *testing.T, open func(int) (*Handle, error)) {
		h, err := open(proctest.Sleeper(t).PID)
		if err != nil {
			t.Fatal(err)
		}
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		if err := h.Wait(ended); err != context.Canceled {
			t.Fatal(err)
		}
		why := errors.New("why")
		ctx, end := context.WithCancelCause(context.Background())
		waited := make(chan error)
		go func() { waited <- h.Wait(ctx) }()
		time.Sleep(5 * time.Millisecond) // most often it is in the kernel by then; it is right either way
		end(why)
		if err := <-waited; !errors.Is(err, why) {
			t.Fatal(err)
		}
		expectAlive(t, h, true)
	})
}

func TestWaitLeaksNothing(t *testing.T) {
	h := mustOpen(t, proctest.Sleeper(t).PID)
	wait := func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		if err := h.Wait(ctx); err != context.DeadlineExceeded {
			t.Fatal(err)
		}
	}
	wait()
	files, routines := openFiles(t), runtime.NumGoroutine()
	for range 100 {
		wait()
	}
	if now := openFiles(t); now > files { // fewer, when files of other tests are collected
		t.Errorf("%d files open, %d before", now, files)
	}
	for until := time.Now().Add(patience); runtime.NumGoroutine() > routines; {
		if time.Now().After(until) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), routines)
		}
		time.Sleep(time.Millisecond)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestCloseWhileWaiting(t *testing.T) {
	p := proctest.Sleeper(t)
	h := mustOpen(t, p.PID)
	waited := make(chan error)
	go func() { waited <- h.Wait(context.Background()) }()
	time.Sleep(5 * time.Millisecond) // most often it is in the kernel by then
	_ = h.Done()
	h.Close()
	p.Kill()
	if err := <-waited; err != nil && !errors.Is(err, os.ErrClosed) { // nil if it saw the end as well
		t.Fatal(err)
	}
}

func TestWaitForSomebodyElsesChild(t *testing.T) {
	if forced == "bare" {
		t.Skip("it would wait for the zombie to be reaped")
	}
	leader, workers := proctest.Leader(t, 1)
	h := mustOpen(t, workers[0])
	if err := h.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := h.Wait(patient(t)); err != nil {
		t.Fatal(err)
	}
	expectAlive(t, mustOpen(t, leader.PID), true)
}

func TestNoPermissionIsAlive(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	everyBackEnd(t, func(t *testing.T, open func(int) (*Handle, error)) {
		p := proctest.Sleeper(t)
		failed := make(chan error)
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and its user with it
			if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534); errno != 0 {
				failed <- errno
				return
			}
			h, err := open(p.PID)
			if err != nil {
				failed <- err
				return
			}
			if alive, err := h.Alive(); err != nil || !alive {
				failed <- errors.Join(err, errors.New("not alive"))
				return
			}
			if err := h.Signal(unix.SIGKILL); !errors.Is(err, unix.EPERM) {
				failed <- errors.Join(err, errors.New("signalled"))
				return
			}
			id, err := h.Identity()
			if err == nil && id.Compare(id) != Same && !isBare(h) {
				err = errors.New(id.String())
			}
			failed <- err
		}()
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	})
}

func TestIdentityStays(t *testing.T) {
	everyBackEnd(t, func(t *testing.T, open func(int) (*Handle, error)) {
		p, other := proctest.Sleeper(t), proctest.Sleeper(t)
		h, err := open(p.PID)
		if err != nil {
			t.Fatal(err)
		}
		if isBare(h) {
			return
		}
		first, err := h.Identity()
		if err != nil {
			t.Fatal(err)
		}
		session, err := unix.Getsid(0) // 0 where the session's leader lies outside this PID namespace
		if err != nil {
			t.Fatal(err)
		}
		if first.Boot == "" || first.Namespace == 0 || first.Start == 0 || first.Session != session {
			t.Fatal(first, first.Session, session)
		}
		recorded, err := ParseIdentity(first.String())
		if err != nil || recorded != first {
			t.Fatal(recorded, err)
		}
		h, err = open(p.PID)
		if err != nil {
			t.Fatal(err)
		}
		again, err := h.Identity()
		if v := recorded.Compare(again); v != Same {
			t.Fatal(v, err)
		}
		h, err = open(other.PID)
		if err != nil {
			t.Fatal(err)
		}
		stranger, err := h.Identity()
		if v := recorded.Compare(stranger); v != Different {
			t.Fatal(v, err)
		}
		stranger.PID = recorded.PID
		if stranger.Inode != 0 && recorded.Inode != 0 {
			stranger.Start = recorded.Start
			if v := recorded.Compare(stranger); v != Different {
				t.Fatal(v)
			}
		}
	})
}

func TestInfo(t *testing.T) {
	before := time.Now()
	p := proctest.Sleeper(t)
	info, err := mustOpen(t, p.PID).Info()
	if forced == "bare" {
		return
	}
	cat, _ := exec.LookPath("cat")
	switch {
	case err != nil, info.PID != p.PID, info.Name != "cat" && info.Name != "coreutils", info.Exec == "",
		info.Parent != os.Getpid(), info.Group != unix.Getpgrp(), info.UID != os.Getuid(), info.EUID != os.Geteuid(),
		info.Deleted, info.State == 0:
		t.Errorf("%+v, %v", info, err)
	}
	if late := info.Started.Sub(before); late < -50*time.Millisecond || late > patience {
		t.Errorf("started %v after it was", late)
	}
	if !info.runs(cat) {
		t.Errorf("%+v does not run %s", info, cat)
	}
}

func TestConditions(t *testing.T) {
	if forced == "bare" {
		t.Skip("needs /proc")
	}
	dir := t.TempDir()
	cat, err := exec.LookPath("cat")
	if err != nil {
		t.Fatal(err)
	}
	if cat, err = filepath.EvalSymlinks(cat); err != nil || filepath.Base(cat) != "cat" {
		t.Skipf("%s does other things by another name: %v", cat, err)
	}
	program := dir + "/a program with a long name"
	text, err := os.ReadFile(cat)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, text, 0o755); err != nil {
		t.Fatal(err)
	}
	link := dir + "/link"
	if err := os.Symlink(program, link); err != nil {
		t.Fatal(err)
	}
	h := mustOpen(t, proctest.Program(t, program).PID)
	check := func(c Conditions, want string) {
		t.Helper()
		ok, why, err := h.Meets(c)
		if err != nil || ok != (want == "") || !strings.Contains(why, want) {
			t.Errorf("%+v: %v, %q, %v", c, ok, why, err)
		}
	}
	check(Conditions{}, "")
	check(Conditions{Name: "a program with a long name"}, "")
	check(Conditions{Name: "a program with "}, "")
	check(Conditions{Name: "a program"}, `its name is "a program with ", not "a program"`)
	check(Conditions{Exec: program}, "")
	check(Conditions{Exec: link}, "")
	check(Conditions{Exec: cat}, "not "+cat)
	check(Conditions{Exec: dir + "/missing"}, "its executable is "+program)
	if os.Geteuid() == 0 {
		check(Conditions{User: "root"}, "")
		check(Conditions{User: "0", Exec: program, Name: "a program with a long name"}, "")
		check(Conditions{User: "65533"}, "its user is 0, not 65533")
	}
	if _, _, err := h.Meets(Conditions{User: "no such user"}); err == nil {
		t.Error("an unknown user is no answer")
	}
	if err := os.Rename(program, dir+"/old"); err != nil {
		t.Fatal(err)
	}
	check(Conditions{Exec: dir + "/old"}, "")
	if err := os.Remove(dir + "/old"); err != nil {
		t.Fatal(err)
	}
	if info, err := h.Info(); err != nil || !info.Deleted {
		t.Errorf("%+v, %v", info, err)
	}
	check(Conditions{Exec: dir + "/old"}, "")
}
