package child

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/resolve"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
	"pidbox/testscripts/lab"
)

// moment is long enough for what must not happen to happen, as a rule.
const moment = 50 * time.Millisecond

// patience ends a test that waits for what does not come.
const patience = 20 * time.Second

var errEnough = errors.New("enough")

func try(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// reserve reserves a pidfile, for a child that is closed at the end of the test.
func reserve(t *testing.T, s Spec) *Child {
	t.Helper()
	s.Session = true
	c, err := Reserve(t.Context(), s)
	try(t, err)
	t.Cleanup(c.Close)
	return c
}

// started is a child that sleeps until the end of the test.
func started(t *testing.T, s Spec) *Child {
	t.Helper()
	s.Session = !s.Detach
	c, err := Start(t.Context(), shell("exec sleep 300"), s)
	try(t, err)
	h, err := proc.Open(c.process.PID())
	try(t, err)
	t.Cleanup(func() {
		_ = h.Signal(syscall.SIGKILL)
		_, _ = syscall.Wait4(h.PID(), nil, 0, nil)
		h.Close()
		c.Close()
	})
	return c
}

// gonePID fails the test if there is a process of that number, if only a zombie.
func gonePID(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		t.Errorf("process %d is left: %v", pid, err)
	}
}

// ended waits for what a function does, for no longer than patience.
func ended(t *testing.T, what string, did <-chan error) error {
	t.Helper()
	select {
	case err := <-did:
		return err
	case <-time.After(patience):
		t.Fatal(what, "hangs")
		return nil
	}
}

// lockOf takes the lock beside a pidfile.
func lockOf(t *testing.T, file string) (unlock func()) {
	t.Helper()
	p, err := resolve.Walk(file, resolve.Policy{})
	try(t, err)
	t.Cleanup(p.Close)
	unlock, err = pidfile.Lock(t.Context(), p)
	try(t, err)
	return unlock
}

func do(f func() error) <-chan error {
	did := make(chan error, 1)
	go func() { did <- f() }()
	return did
}

// A start that is called off before its record is of no effect, and keeps no lock.
func TestCalledOff(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.pid")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errEnough)
	o := &Orphans{own: map[int]bool{}, wake: make(chan struct{}, 1)}
	c := reserve(t, Spec{PIDFile: file, Orphans: o})
	try(t, c.Hold(context.Background(), shell("exec sleep 300")))
	if err := c.Record(ctx); !errors.Is(err, errEnough) {
		t.Error(err)
	}
	if exists(file) {
		t.Error("it is on record")
	}
	if len(o.own) > 0 {
		t.Error("its number is kept from the collector:", o.own)
	}
	gonePID(t, c.PID())
	c.Close()
	calm, end := context.WithTimeout(context.Background(), time.Second) // no lock is waited for
	defer end()
	again, err := Reserve(calm, Spec{PIDFile: file})
	try(t, err)
	again.Close()
}

// One that its owner gives up while it is held is ended, unrun.
func TestGivenUpWhileHeld(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.pid")
	o := &Orphans{own: map[int]bool{}, wake: make(chan struct{}, 1)}
	c := reserve(t, Spec{PIDFile: file, Orphans: o, Held: func() error { return errEnough }})
	if err := c.Hold(context.Background(), shell("exec sleep 300")); !errors.Is(err, errEnough) || exists(file) || len(o.own) > 0 {
		t.Error(err, exists(file), o.own)
	}
	gonePID(t, c.PID())
	c.Close()
}

// With the end of ctx a child that is being let go is ended, whether it was executed or not.
func TestCalledOffWhileLetGo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.pid")
	o := &Orphans{own: map[int]bool{}, wake: make(chan struct{}, 1)}
	c := reserve(t, Spec{PIDFile: file, Orphans: o})
	try(t, c.Hold(context.Background(), shell("exec sleep 300")), c.Record(t.Context()), c.Signal(syscall.SIGSTOP))
	late := time.AfterFunc(patience, func() { _ = c.Signal(syscall.SIGKILL) })
	defer late.Stop()
	ctx, cancel := context.WithTimeoutCause(context.Background(), moment, errEnough)
	defer cancel()
	if err := c.LetGo(ctx); err != errEnough || exists(file) || len(o.own) > 0 {
		t.Error(err, exists(file), o.own)
	}
	gonePID(t, c.PID())
	for i := range 30 {
		c := reserve(t, Spec{PIDFile: file})
		try(t, c.Hold(context.Background(), shell("exec sleep 300")), c.Record(t.Context()))
		ctx, cancel := context.WithTimeoutCause(context.Background(), time.Duration(i)*100*time.Microsecond, errEnough)
		err := c.LetGo(ctx)
		<-ctx.Done()
		cancel()
		if err == nil { // it runs
			end(t, c)
		} else if err != errEnough || exists(file) {
			t.Error(err, exists(file))
		}
		gonePID(t, c.PID())
		c.Close()
	}
}

// What the owner keeps with the pidfile is there when that has its name; it began before it could do anything.
func TestAttached(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.pid")
	var attached proc.Identity
	before := time.Now()
	c := started(t, Spec{PIDFile: file, Attach: func(_ int, id proc.Identity) error {
		attached = id
		if exists(file) {
			t.Error("the file has its name")
		}
		return nil
	}})
	if attached != c.Identity() || attached.PID != c.PID() {
		t.Error(attached)
	}
	if c.Began().Before(before) || c.Began().After(time.Now()) {
		t.Error(c.Began())
	}
	if c.Found() != nil {
		t.Error("it is reserved still")
	}
}

// A child that is to hold the lock of its pidfile does so while it lives, also when the name is passed on.
func TestHoldsTheLock(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.pid")
	held := func() bool {
		f, err := pidfile.HoldLock(file)
		if err == nil {
			f.Close()
		}
		return errors.Is(err, pidfile.ErrBusy)
	}
	c := started(t, Spec{PIDFile: file, HoldLock: true, Detach: true})
	if !held() {
		t.Error("it is not locked")
	}
	h, err := proc.Open(lab.Sleeper(t).PID)
	try(t, err, c.Pass(t.Context(), h))
	if !held() || c.PID() != h.PID() {
		t.Error("passed on: not locked")
	}
	h.Close()
}

// A lock that cannot be had, and files that cannot be inherited, are errors of which nothing is left.
func TestLetGoFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.pid")
	null, err := os.Open(os.DevNull)
	try(t, err)
	defer null.Close()
	for name, c := range map[string]struct {
		lock bool
		many []*os.File
	}{"locked": {lock: true}, "too many": {many: make([]*os.File, 300)}} {
		child := reserve(t, Spec{PIDFile: file, HoldLock: c.lock})
		try(t, child.Hold(context.Background(), marking("mark")), child.Record(t.Context()))
		var lock *os.File
		if c.lock {
			if lock, err = os.Open(file); err == nil {
				err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
			}
			try(t, err)
		}
		for i := range c.many {
			c.many[i] = null
		}
		err := ended(t, name, do(func() error { return child.LetGo(t.Context(), c.many...) }))
		if err == nil || exists(file) {
			t.Errorf("%s: %v, the pidfile is left: %v", name, err, exists(file))
		}
		gonePID(t, child.PID())
		child.Close()
		lock.Close()
	}
}

// Of a child that failed to start no lock is left.
func TestStartFails(t *testing.T) {
	s := Spec{PIDFile: filepath.Join(t.TempDir(), "x.pid")}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if c, err := Start(ctx, shell("exec sleep 300"), s); err == nil {
		t.Fatal(c)
	}
	calm, end := context.WithTimeout(context.Background(), time.Second)
	defer end()
	c, err := Reserve(calm, s)
	try(t, err)
	c.Close()
}

// Nobody reaps a child while its scope is being ended, nor ends the scope twice at once; who waits for it is in nobody's
// way.
func TestReapComesAfterClear(t *testing.T) {
	c := started(t, Spec{Scope: proc.Group})
	c.clearing.Lock()
	stopped := do(func() error { return c.Stop(context.Background(), Kill(), nil) })
	select {
	case <-stopped:
		t.Error("stopped twice at once")
	case <-c.Done():
		t.Error("ended by another at once")
	case <-time.After(moment):
	}
	c.clearing.Unlock()
	try(t, ended(t, "a stop", stopped))
	c.clearing.Lock()
	reaped := do(func() error { _, err := c.Reap(); return err })
	select {
	case <-reaped:
		t.Error("reaped while cleared")
	case <-time.After(moment):
	}
	c.clearing.Unlock()
	try(t, ended(t, "a reaping", reaped))

	c = started(t, Spec{Scope: proc.Group})
	reaped = do(func() error { _, err := c.Reap(); return err })
	cleared := do(c.Clear)
	time.Sleep(moment)
	if c.Over() {
		t.Error("it is cleared while it lives")
	}
	stopped = do(func() error { return c.Stop(context.Background(), Kill(), nil) })
	try(t, ended(t, "a stop", stopped), ended(t, "a reaping", reaped), ended(t, "a clearing", cleared))
}

// A stop has the end of the child seen; of nobody it says nothing.
func TestStopIsSeen(t *testing.T) {
	for range 100 { // who sees the end first is chance
		c := started(t, Spec{Scope: proc.Group})
		if err := c.Stop(t.Context(), Kill(), nil); err != nil || !c.Over() {
			t.Error(err, c.Over())
		}
	}
	for _, scope := range []proc.Scope{proc.Group, proc.Session} {
		c, err := Start(t.Context(), shell("exit 0"), Spec{Session: true, Scope: scope})
		try(t, err)
		<-c.Done()
		schedule := Kill()
		if err := c.Stop(t.Context(), schedule, func(signals.Step) { t.Error("it signals nobody") }); err != nil {
			t.Error(err)
		}
		_, err = c.Reap()
		try(t, err)
		c.Close()
	}
}

// Somebody who may not be signalled is left all the same.
func TestLeft(t *testing.T) {
	for err, want := range map[error]bool{nil: true, syscall.EPERM: true, proc.ErrNotFound: false} {
		if got := left(err); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}

// A pidfile stays while the process lives, and when it names another.
func TestReleaseOnlyOfTheDead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.pid")
	c := started(t, Spec{PIDFile: file})
	try(t, c.Release(t.Context()))
	if !exists(file) {
		t.Error("it was released while it lives")
	}
	try(t, c.Stop(t.Context(), Kill(), nil))
	text, err := os.ReadFile(file)
	try(t, err, os.WriteFile(file, []byte("2147483647\n"), 0o644), c.Release(t.Context()))
	if !exists(file) {
		t.Error("another's was released")
	}
	// One that is claimed while the lock is waited for is as good as gone.
	try(t, os.WriteFile(file, text, 0o644))
	unlock := lockOf(t, file)
	released := do(func() error { return c.Release(context.Background()) })
	time.Sleep(moment)
	try(t, os.WriteFile(file, []byte("2147483647\n"), 0o644))
	unlock()
	if err := ended(t, "a release", released); err != nil || !exists(file) {
		t.Error(err, exists(file))
	}
}

// Done is the child's, whoever has its name; handles of those that had it are closed.
func TestPass(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.pid")
	c := started(t, Spec{PIDFile: file})
	var heirs []*proc.Handle
	for range 2 {
		h, err := proc.Open(lab.Sleeper(t).PID)
		try(t, err, c.Pass(t.Context(), h))
		heirs = append(heirs, h)
	}
	if err := heirs[0].Signal(0); !errors.Is(err, os.ErrClosed) {
		t.Error("the first heir:", err)
	}
	if err := c.process.Handle().Signal(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	select {
	case <-c.Done():
	case <-time.After(patience):
		t.Error("its end is not seen")
	}
	other, err := proc.Open(lab.Sleeper(t).PID)
	try(t, err, os.WriteFile(file, []byte("2147483647\n"), 0o644))
	defer other.Close()
	if err := c.Pass(t.Context(), other); !errors.Is(err, pidfile.ErrChanged) {
		t.Error("another's name was passed on:", err)
	}
}

// An exit status that was collected elsewhere is not made up.
func TestReapedElsewhere(t *testing.T) {
	o := &Orphans{own: map[int]bool{}, wake: make(chan struct{}, 1)}
	c := started(t, Spec{Orphans: o})
	if !o.own[c.PID()] {
		t.Error("the collector may take it")
	}
	try(t, c.Signal(syscall.SIGKILL))
	_, _ = syscall.Wait4(c.PID(), nil, 0, nil)
	if _, err := c.Reap(); !errors.Is(err, spawn.ErrReaped) || len(o.own) > 0 {
		t.Error(err, o.own)
	}
}
