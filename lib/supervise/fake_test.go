package supervise

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"pidbox/lib/journal"
	"pidbox/lib/ready"
	"pidbox/lib/signals"
)

// fake is a command whose runs take a given time each, the last one for ever.
type fake struct {
	runs       []time.Duration
	end        End
	failFrom   int           // the start from which on starting fails; 0: never
	fails      map[int]bool  // these starts fail
	failing    time.Duration // how long such a start takes
	adopt      *run
	adoptErr   error
	stubborn   bool // only a hastened stop ends it
	immortal   bool
	takes      time.Duration // to stop
	finds      time.Duration // what it takes until the first signal is sent
	leaves     time.Duration // what a dead one leaves of its group takes to stop
	starts     []time.Time
	children   []*run
	forgotten  int
	unprepared error // no other child could be started
	hangs      bool  // a start lasts until it is aborted
	succeeds   bool  // and has started the child all the same
	deaf       bool  // or does not even end then
	release    chan struct{}
	shows      bool        // children have events
	stops      []time.Time // when each stop began
	scarce     int         // so many stops find no descriptor
	heirs      int         // so many that exit leave another one in their place
	looks      time.Duration
	blind      int // so many looks find no descriptor
	preparing  time.Duration
	stopping   func() // called when a stop begins
	astray     int
}

type run struct {
	of      *fake
	pid     int
	began   time.Time
	ended   chan struct{}
	end     time.Time
	once    sync.Once
	mu      sync.Mutex
	signals []syscall.Signal
	events  chan ready.Event
}

func (f *fake) Adopt() (Child, error) {
	if f.adopt == nil {
		return nil, f.adoptErr
	}
	f.children = append(f.children, f.adopt)
	return f.adopt, f.adoptErr
}

func (f *fake) Prepare() error { time.Sleep(f.preparing); return f.unprepared }

func (f *fake) Start(ctx context.Context) (Child, error) {
	f.starts = append(f.starts, time.Now())
	if f.deaf {
		<-f.release
	}
	if f.hangs {
		if <-ctx.Done(); !f.succeeds {
			return nil, ctx.Err()
		}
	}
	n := len(f.starts)
	if f.failFrom > 0 && n >= f.failFrom || f.fails[n] {
		select {
		case <-time.After(f.failing):
		case <-ctx.Done():
		}
		return nil, errors.New("exec failed")
	}
	r := f.run(100 + n)
	if f.shows {
		r.events = make(chan ready.Event)
	}
	f.children = append(f.children, r)
	if n <= len(f.runs) {
		time.AfterFunc(f.runs[n-1], r.finish)
	}
	return r, nil
}

func (f *fake) Follow(ctx context.Context, ended Child) (Child, error) {
	select {
	case <-time.After(f.looks):
	case <-ctx.Done():
	}
	if f.blind > 0 {
		f.blind--
		return nil, fmt.Errorf("own.pid: %w", syscall.EMFILE)
	}
	if f.heirs == 0 {
		return nil, nil
	}
	f.heirs--
	r := f.run(ended.PID() + 1000)
	f.children = append(f.children, r)
	return r, nil
}

func (f *fake) Forget() error { f.forgotten++; return nil }

func (f *fake) run(pid int) *run {
	return &run{of: f, pid: pid, began: time.Now(), ended: make(chan struct{})}
}

func (r *run) finish()               { r.once.Do(func() { r.end = time.Now(); close(r.ended) }) }
func (r *run) PID() int              { return r.pid }
func (r *run) Adopted() bool         { return r == r.of.adopt }
func (r *run) Began() time.Time      { return r.began }
func (r *run) Done() <-chan struct{} { return r.ended }
func (r *run) Close()                {}
func (r *run) Astray() int           { return r.of.astray }

func (r *run) Events() <-chan ready.Event { return r.events }

func (r *run) End() End {
	end := r.of.end
	end.At = r.end
	return end
}

func (r *run) Signal(sig syscall.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.signals = append(r.signals, sig)
	return nil
}

func (r *run) Stop(_ signals.Schedule, begun func(), hasten <-chan struct{}) error {
	if r.of.stops = append(r.of.stops, time.Now()); r.of.stopping != nil {
		r.of.stopping()
	}
	if len(r.of.stops) <= r.of.scarce {
		return syscall.EMFILE
	}
	if !over(r) {
		time.Sleep(r.of.finds)
		begun()
	}
	switch {
	case over(r):
		time.Sleep(r.of.leaves)
	case r.of.immortal:
		time.Sleep(r.of.takes)
		return errors.New("survived")
	case r.of.stubborn:
		<-hasten
	default:
		time.Sleep(r.of.takes)
	}
	r.finish()
	return nil
}

// of is a supervisor of f that logs nothing.
func of(f *fake, p Policy, h *Health) *Supervisor {
	s := newSupervisor(f, p, nil, journal.Discard())
	s.Health = h
	return s
}

// supervise runs a supervisor over f in virtual time, does what the test wants meanwhile, and returns its result.
func supervise(t *testing.T, f *fake, p Policy, h *Health, during func(*Supervisor)) (Outcome, error) {
	t.Helper()
	s := of(f, p, h)
	go during(s)
	return s.Run()
}

func askStop(s *Supervisor) { _ = s.Ask(Request{Kind: Stop}) }

func (f *fake) delays(runs []time.Duration) (out []time.Duration) {
	for i := 1; i < len(f.starts); i++ {
		out = append(out, f.starts[i].Sub(f.starts[i-1])-runs[i-1])
	}
	return out
}

var standard = Policy{Free: 3, Max: time.Minute, HealthyAfter: 10 * time.Second}
