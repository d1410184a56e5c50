package proc

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/testscripts/lab"
)

// A handle and a family that were closed are of no use, and do no harm.
func TestUseAfterClose(t *testing.T) {
	everyBackEnd(t, func(t *testing.T, open func(int) (*Handle, error)) {
		p := lab.Own(t)
		h, err := open(p.PID)
		if err != nil {
			t.Fatal(err)
		}
		f, err := h.Family(Process, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		other, err := os.Open("/dev/null") // which may have the number of the descriptor
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		for name, use := range map[string]func() error{
			"Alive":       func() error { _, err := h.Alive(); return err },
			"Signal":      func() error { return h.Signal(unix.SIGKILL) },
			"Resume":      func() error { return h.Resume() },
			"Wait":        func() error { return h.Wait(context.Background()) },
			"WaitFor":     func() error { _, err := h.WaitFor(context.Background(), time.Hour); return err },
			"Identity":    func() error { _, err := h.Identity(); return err },
			"Info":        func() error { _, err := h.Info(); return err },
			"State":       func() error { _, err := h.State(); return err },
			"Credentials": func() error { _, err := h.Credentials(); return err },
			"Bind":        func() error { return h.Bind("x") },
			"Family":      func() error { _, err := h.Family(Group, nil); return err },
			"Tree":        func() error { _, err := h.TreeWithout(nil); return err },
			"Unsearched":  func() error { _, err := h.Unsearched(); return err },
			"its Signal":  func() error { return f.Signal(unix.SIGKILL) },
			"its Wait":    func() error { return f.Wait(context.Background()) },
			"its Resume":  func() error { return f.Resume() },
			"its Members": func() error { _, err := f.Members(); return err },
		} {
			if err := use(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, ok := h.Bound(); ok {
			t.Error("bound")
		}
		expectAlive(t, mustOpen(t, p.PID), true)
	})
}

// waiting runs wait, and closes when it has it in the kernel, most often.
func waiting(t *testing.T, wait func(context.Context) error, end func() error) {
	t.Helper()
	waited := make(chan error)
	go func() { waited <- wait(context.Background()) }()
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
}

func TestCloseEndsWaits(t *testing.T) {
	everyBackEnd(t, func(t *testing.T, open func(int) (*Handle, error)) {
		h, err := open(lab.Sleeper(t).PID)
		if err != nil {
			t.Fatal(err)
		}
		waiting(t, h.Wait, h.Close)
	})
	needsProc(t)
	for _, scope := range []Scope{Process, Group, Session, Tree} {
		leader, _ := lab.Leader(t, 2)
		f := mustFamily(t, leader.PID, scope)
		waiting(t, f.Wait, f.Close)
		if err := f.Signal(unix.SIGKILL); !errors.Is(err, os.ErrClosed) {
			t.Fatal(scope, err)
		}
		if _, err := f.Members(); !errors.Is(err, os.ErrClosed) {
			t.Fatal(scope, err)
		}
		h := mustOpen(t, leader.PID)
		f, err := h.Family(scope, nil)
		if err != nil {
			t.Fatal(err)
		}
		waiting(t, f.Wait, h.Close)
	}
}

// The descriptor that a call borrows stays open until it is given back.
func TestLentDescriptorIsNotReused(t *testing.T) {
	file, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	d := descriptor{fd: int(file.Fd()), file: file}
	fd, back, err := d.lend()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Error("closed in use:", err)
	}
	if _, _, err := d.lend(); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	back()
	if err := file.Close(); !errors.Is(err, os.ErrClosed) {
		t.Error("open still:", err)
	}
}

func TestCredentials(t *testing.T) {
	everyBackEnd(t, func(t *testing.T, open func(int) (*Handle, error)) {
		p := lab.Sleeper(t)
		h, err := open(p.PID)
		if err != nil {
			t.Fatal(err)
		}
		want := Credentials{os.Getuid(), os.Geteuid(), os.Geteuid()}
		if isBare(h) {
			want = nobody()
		}
		if c, err := h.Credentials(); c != want || (err != nil) != isBare(h) {
			t.Error(c, err)
		}
		if info, err := h.Info(); info.SUID != want.SUID {
			t.Error(info, err)
		}
		p.Kill()
		if c, err := h.Credentials(); err == nil || c != nobody() {
			t.Error(c, err)
		}
	})
}

// What was bound to a process is seen through every other handle of it, and of no other.
func TestBind(t *testing.T) {
	p := lab.Sleeper(t)
	h := mustOpen(t, p.PID)
	if value, ok := h.Bound(); ok {
		t.Fatal(value)
	}
	err := h.Bind("2049:77/web.pid")
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if value, ok := mustOpen(t, p.PID).Bound(); !ok || value != "2049:77/web.pid" {
		t.Error(value, ok)
	}
	if value, ok := mustOpen(t, lab.Sleeper(t).PID).Bound(); ok {
		t.Error(value)
	}
	if err := h.Bind("2049:77/other.pid"); err != nil {
		t.Error(err)
	}
	if value, _ := h.Bound(); value != "2049:77/other.pid" {
		t.Error(value)
	}
}
