package ready

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"pidbox/lib/child"
	"pidbox/lib/health"
	"pidbox/lib/notify"
	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

const endless = 2 * time.Minute

// started runs a script whose readiness is watched.
func started(t *testing.T, w Want, script string) (*Course, *child.Child) {
	t.Helper()
	cmd := spawn.Command{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: append(os.Environ(), "WATCHDOG_PID=1")}
	c, err := w.Open(&cmd)
	if err != nil {
		t.Fatal(err)
	}
	p, err := child.Start(t.Context(), cmd, child.Spec{Session: true, Scope: proc.Group})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(context.Background(), child.Kill(), nil); err != nil {
			t.Error(err)
		}
		_, _ = p.Reap()
		c.Close()
		p.Close()
	})
	c.Watch(p, p.Began())
	return c, p
}

// next is the next event, which must be of that kind.
func next(t *testing.T, c *Course, kind Kind) Event {
	t.Helper()
	select {
	case e := <-c.Events():
		if e.Kind != kind {
			t.Fatalf("%+v, not %d", e, kind)
		}
		return e
	case <-time.After(endless):
		t.Fatalf("no event of kind %d", kind)
	}
	return Event{}
}

func tell(t *testing.T, c *Course, text string) {
	t.Helper()
	if err := notify.Send(c.socket.Address(), text); err != nil {
		t.Fatal(err)
	}
}

type mine struct{ Process }

func (mine) Owns(h *proc.Handle) (bool, error) { return h.PID() == os.Getpid(), nil }

// quiet opens a course whose process is this one's to speak for.
func quiet(t *testing.T, w Want) *Course {
	t.Helper()
	c, err := w.Open(&spawn.Command{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.Watch(mine{&child.Child{}}, time.Now())
	return c
}

// resting is a watch that nothing drives but the test.
func resting(w Want) *watch {
	return &watch{Course: &Course{
		want: w, of: mine{&child.Child{}}, shows: make(chan signal), events: make(chan Event, 8), closed: make(chan struct{}),
	}}
}

func TestNothingWanted(t *testing.T) {
	c, _ := started(t, Want{}, "sleep 300")
	next(t, c, Ready)
}

func TestUptime(t *testing.T) {
	c, p := started(t, Want{MinUptime: 50 * time.Millisecond, Timeout: time.Millisecond}, "sleep 300")
	next(t, c, Ready)
	if lived := time.Since(p.Began()); lived < 50*time.Millisecond {
		t.Error(lived)
	}
}

func TestDescriptor(t *testing.T) {
	c, _ := started(t, Want{Descriptor: 5, Timeout: endless}, "echo up >&5; exec sleep 300")
	if e := next(t, c, Status); e.Text != "up" {
		t.Errorf("%+v", e)
	}
	next(t, c, Ready)
}

// A descriptor that is closed without a newline is the end of it, unless the process ends by that.
func TestDescriptorClosed(t *testing.T) {
	c, _ := started(t, Want{Descriptor: 5, Timeout: endless}, "printf x >&5; exec 5>&-; exec sleep 300")
	if e := next(t, c, Never); e.Text != "it closed descriptor 5 without a newline" {
		t.Errorf("%+v", e)
	}
	c, p := started(t, Want{Descriptor: 5, Timeout: endless}, "exit 3")
	<-p.Done()
	select {
	case e := <-c.Events():
		t.Errorf("%+v", e)
	case <-time.After(20 * time.Millisecond):
	}
}

type answer struct{ err error }

func (a answer) Check(context.Context) error { return a.err }
func (answer) String() string                { return "it" }

func TestChecks(t *testing.T) {
	c, _ := started(t, Want{Checks: []health.Check{answer{}}, Timeout: endless}, "sleep 300")
	next(t, c, Ready)
	w := resting(Want{Checks: []health.Check{answer{errors.New("no")}}, Shared: true})
	go w.ask(t.Context())
	w.show(<-w.shows)
	w.pardoned = true
	w.expire()
	if e := <-w.events; e.Kind != Late || e.Text != "it: no" {
		t.Errorf("%+v", e)
	}
}

// READY and long enough alive are two things, and the barrier a third.
func TestNotified(t *testing.T) {
	c := quiet(t, Want{Notify: true, Timeout: endless, MinUptime: 20 * time.Millisecond})
	tell(t, c, "STATUS=loading")
	if e := next(t, c, Status); e.Text != "loading" {
		t.Errorf("%+v", e)
	}
	served := make(chan error, 1)
	go func() { served <- notify.Deliver(c.socket.Address(), "READY=1\nERRNO=2") }()
	next(t, c, Status)
	next(t, c, Ready)
	next(t, c, Served)
	if err := <-served; err != nil {
		t.Error(err)
	}
	tell(t, c, "STATUS=later")
	next(t, c, Status)
	tell(t, c, "STOPPING=1")
	next(t, c, Stopping)
}

// Without a barrier a second of silence does, and no more than five of what else it says.
func TestNoBarrier(t *testing.T) {
	c := quiet(t, Want{Notify: true})
	began := time.Now()
	tell(t, c, "READY=1")
	next(t, c, Ready)
	next(t, c, Served)
	if took := time.Since(began); took < silence {
		t.Error(took)
	}
	c = quiet(t, Want{Notify: true})
	tell(t, c, "READY=1")
	next(t, c, Ready)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(silence / 20):
				_ = notify.Send(c.socket.Address(), "X=1")
			}
		}
	}()
	next(t, c, Served)
}

// One that stops before it counts as ready has to say that it is ready again.
func TestStopsFirst(t *testing.T) {
	w := resting(Want{Notify: true, MinUptime: time.Hour})
	w.extend(time.Now().Add(time.Hour))
	w.progress(notify.State{Ready: true})
	if w.late != nil || len(w.events) > 0 {
		t.Error("its time runs on, or it counts as ready")
	}
	w.progress(notify.State{Stopping: true})
	if e := <-w.events; e.Kind != Stopping || w.late == nil || w.shown {
		t.Errorf("%+v", e)
	}
	w.pardoned = true
	w.expire()
	if e := <-w.events; e.Kind != Late || e.Text != "it says that it stops" {
		t.Errorf("%+v", e)
	}
}

// More time is counted from the message, and never less than it had.
func TestExtended(t *testing.T) {
	w := resting(Want{Notify: true})
	began := time.Now()
	w.extend(began.Add(time.Hour))
	for _, us := range []string{"10800000000", "1"} {
		self, err := proc.Self()
		if err != nil {
			t.Fatal(err)
		}
		w.take(&notify.Message{PID: os.Getpid(), Process: self, Text: "EXTEND_TIMEOUT_USEC=" + us})
		if more := w.due.Sub(began); more < 3*time.Hour || w.late == nil || len(w.events) > 0 {
			t.Error(more)
		}
	}
}

func TestNamed(t *testing.T) {
	c := quiet(t, Want{Notify: true, Follow: true})
	tell(t, c, "MAINPID=1\nSTATUS=x")
	next(t, c, Status)
	if e := next(t, c, Ignored); !strings.Contains(e.Text, "MAINPID=1, which does not belong to the daemon") {
		t.Errorf("%+v", e)
	}
	tell(t, c, "MAINPID="+strconv.Itoa(os.Getpid()))
	e := next(t, c, Named)
	if e.Main.PID() != os.Getpid() {
		t.Errorf("%+v", e)
	}
	e.Main.Close()
}

// A watchdog counts from readiness on, and each ping winds it up again.
func TestWatchdog(t *testing.T) {
	w := Want{Notify: true, Watchdog: 200 * time.Millisecond}
	cmd := spawn.Command{Env: []string{"WATCHDOG_PID=1", "WATCHDOG_USEC=7", "A=b"}}
	c, err := w.Open(&cmd)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if env := strings.Join(cmd.Env, " "); env != "A=b NOTIFY_SOCKET="+c.socket.Address()+" WATCHDOG_USEC=200000" {
		t.Error(env)
	}
	c = quiet(t, w)
	tell(t, c, "READY=1")
	next(t, c, Ready)
	last, gap := time.Now(), time.Duration(0)
	for range 5 {
		time.Sleep(w.Watchdog / 4)
		now := time.Now()
		tell(t, c, "WATCHDOG=1")
		gap = max(gap, time.Since(last)) // that this test was held up for is time without a ping
		last = now
	}
	for e := range c.Events() {
		if e.Kind == Hung {
			if e.Text != "no WATCHDOG=1 in 200ms" {
				t.Error(e.Text)
			}
			break
		}
	}
	if waited := time.Since(last); waited < w.Watchdog && gap < w.Watchdog {
		t.Errorf("%v after the last ping, which came at most %v after the one before", waited, gap)
	}
	c = quiet(t, Want{Notify: true, Watchdog: time.Hour})
	tell(t, c, "READY=1\nWATCHDOG=trigger")
	if e := next(t, c, Hung); e.Text != "it says that it hangs" {
		t.Errorf("%+v", e)
	}
}

// A stranger is not believed, whatever he says.
func TestStranger(t *testing.T) {
	c, _ := started(t, Want{Notify: true}, "exec sleep 300")
	for _, text := range []string{"READY=1", "STATUS=x"} {
		tell(t, c, text)
		if e := next(t, c, Ignored); !strings.Contains(e.Text, "does not belong to the daemon") {
			t.Errorf("%+v", e)
		}
	}
}

// What came while this process did not run is heard before the time that passed meanwhile counts.
func TestPardoned(t *testing.T) {
	w := resting(Want{})
	w.due, w.reason = time.Now().Add(-time.Hour), "it"
	w.expire()
	if len(w.events) > 0 || w.late == nil {
		t.Fatal("late at once")
	}
	w.expire()
	if e := <-w.events; e.Kind != Late || e.Text != "it" {
		t.Errorf("%+v", e)
	}
}

// Messages that wait put a missed watchdog off for a while, and no longer.
func TestFloodIsNoPing(t *testing.T) {
	w := resting(Want{Notify: true, Watchdog: time.Hour})
	socket, err := notify.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	w.socket, w.interval = socket, time.Hour
	if err := notify.Send(socket.Address(), "STATUS=x"); err != nil {
		t.Fatal(err)
	}
	for len(w.events) == 0 {
		if w.miss(); w.deferred > 3 {
			t.Fatal("it is put off for ever")
		}
	}
	if e := <-w.events; e.Kind != Hung || w.deferred != 3 {
		t.Errorf("%+v after %d", e, w.deferred)
	}
}

// known is a process of that identity.
type known struct {
	Process
	id proc.Identity
}

func (k known) Identity() proc.Identity { return k.id }

// A sender that has ended may have been one of the process's only if it ran as its user or as root, and began no earlier.
func TestCouldHaveBeenOurs(t *testing.T) {
	self, err := proc.Self()
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	id, err := self.Identity()
	if err != nil || id.Inode == 0 {
		t.Skip("needs inodes of pidfds", err)
	}
	w := resting(Want{})
	w.owner = 7
	for _, c := range []struct {
		uid   int
		first uint64
		could bool
	}{{7, id.Inode, true}, {0, id.Inode - 1, true}, {7, id.Inode + 1, false}, {8, id.Inode - 1, false}, {7, 0, true}} {
		w.of = known{id: proc.Identity{Inode: c.first}}
		if could := w.could(&notify.Message{PID: self.PID(), UID: c.uid, Process: self}); could != c.could {
			t.Errorf("%+v: %v", c, could)
		}
	}
}
