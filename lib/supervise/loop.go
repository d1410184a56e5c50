package supervise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"pidbox/lib/ready"
)

// goal is what follows when the child is gone.
type goal int

const (
	again   goal = iota // start again by the policy
	anew                // start again at once
	stopped             // end; no child is left
	left                // end; the child, if there is one, runs on
)

// loop is one Run.
type loop struct {
	*Supervisor
	phase    phase
	goal     goal
	first    bool        // no child has run yet
	wasReady bool        // one was ready
	hinted   bool        // it was said that one exited at once
	misses   int         // starts that failed in a row
	cancel   func()      // aborts the start
	results  chan result // of the start or the stop that is under way
	timer    *time.Timer
	pulse    <-chan time.Time // nil: nobody wants to know that this loop runs

	child   Child
	other   bool   // it runs another command, and is stopped for that
	reason  string // why it is being stopped
	shown   bool   // it is ready
	healthy bool   // it has passed a check, or there is none
	checks  <-chan checked
	uncheck func()
	halting *halting

	outcome Outcome
	err     error
}

// halting is a stop under way.
type halting struct {
	begun    atomic.Bool // a signal was sent
	hasten   chan struct{}
	hastened bool
}

// result is how a start or a stop went.
type result struct {
	event event
	child Child
	other bool // the child was adopted and runs another command
	fatal bool // an adoption failed
	over  bool // the child itself has ended, by end
	end   End
	err   error
}

// happening is an event and what came with it.
type happening struct {
	event event
	result
	why     string
	request Request
}

// abortLimit is how long a start may take to end once that was asked for. One that cannot, because its disk does not
// answer, has not run the command: its process ends with this one.
const abortLimit = 10 * time.Second

// shortage is the pace at which a stop is tried again that failed for want of descriptors or memory.
const shortage = 100 * time.Millisecond

// Run supervises until it is asked to end, gives up (ErrGaveUp), ends as the command did (*EndedError), or cannot stop the
// child. It leaves neither child nor record behind, except for Left and for a child that survived its stop. That the very
// first start fails is a mistake of the caller's and an error at once; later ones are tried again.
func (s *Supervisor) Run() (Outcome, error) {
	defer close(s.over)
	l := &loop{Supervisor: s, first: true, results: make(chan result, 1), timer: time.NewTimer(0), uncheck: func() {}}
	l.timer.Stop()
	if l.Pulse > 0 {
		pulse := time.NewTicker(l.Pulse)
		defer pulse.Stop()
		l.pulse = pulse.C
	}
	table := table()
	for l.phase = l.starting(true); l.phase != done; {
		h := l.wait()
		if act := table[l.phase][h.event].do; act != nil {
			l.phase = act(l, h)
		}
	}
	l.uncheck()
	l.settle(cmp.Or(l.err, errEnding))
	return l.outcome, l.err
}

// wait returns the next thing that happens.
func (l *loop) wait() happening {
	for {
		var ended <-chan struct{}
		var checks <-chan checked
		var told <-chan ready.Event
		if l.phase == running {
			ended, checks = l.child.Done(), l.checks
		}
		if l.child != nil {
			told = l.child.Events()
		}
		select {
		case r := <-l.requests:
			return happening{event: [...]event{Stop: toStop, Leave: toLeave, Restart: toRestart, Forward: toForward}[r.Kind], request: r}
		case r := <-l.results:
			return happening{event: r.event, result: r}
		case <-l.timer.C:
			return happening{event: due}
		case <-l.pulse:
			l.Beat()
		case <-ended:
			return happening{event: exited}
		case c := <-checks:
			if why := l.judge(l.child, c); why != nil {
				return happening{event: sick, why: why.Error()}
			}
			l.healthy = l.healthy || c.err == nil
			l.announce()
		case e := <-told:
			if why := l.hear(e); why != "" && l.phase == running {
				return happening{event: sick, why: why}
			}
		}
	}
}

// hear takes what the child shows of itself, and says why that makes it one to be restarted, or "".
func (l *loop) hear(e ready.Event) (why string) {
	switch e.Kind {
	case ready.Ready:
		l.shown = true
		l.announce()
	case ready.Status:
		l.Log.Debug("status", "pid", l.child.PID(), "text", e.Text)
	case ready.Ignored:
		l.Log.Debug("message ignored", "pid", l.child.PID(), "why", e.Text)
	case ready.Failed:
		l.Log.Warn("readiness cannot be watched", "pid", l.child.PID(), "error", e.Err.Error())
	case ready.Late, ready.Never:
		return cmp.Or(e.Text, "not ready in time")
	case ready.Hung:
		return e.Text
	}
	return ""
}

// announce tells once that a child is ready.
func (l *loop) announce() {
	if l.shown && l.healthy && l.phase != aborting {
		l.wasReady = true
		l.ready.Do(func() {
			if l.Ready != nil {
				l.Ready()
			}
		})
	}
}

// starting starts the command beside the loop, or first adopts what an earlier supervisor has left.
func (l *loop) starting(adopt bool) phase {
	l.timer.Stop()
	_ = l.reserve.hold() // of those that there are
	l.set(func(st *Status) { st.State, st.Next = Starting, nil })
	l.goal, l.reason, l.other = again, "", false
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	go func() { l.results <- l.attempt(ctx, adopt) }()
	return starting
}

func (s *Supervisor) attempt(ctx context.Context, adopt bool) result {
	if adopt {
		child, err := s.Command.Adopt()
		switch {
		case errors.Is(err, ErrOther):
			return result{event: started, child: child, other: true}
		case err != nil:
			return result{event: failed, err: err, fatal: true}
		case child != nil:
			return result{event: started, child: child}
		}
	}
	child, err := s.Command.Start(ctx)
	if err != nil {
		return result{event: failed, err: err}
	}
	return result{event: started, child: child}
}

// stopping ends the child's scope beside the loop, also after its own end: what it left may hold its port. With prepare
// it is asked first whether the next one could be started.
func (l *loop) stopping(prepare bool) phase {
	l.set(func(st *Status) { st.State = Stopping })
	l.halting = &halting{hasten: make(chan struct{})}
	go func(child Child, h *halting) { l.results <- l.ending(child, h, prepare) }(l.child, l.halting)
	return stopping
}

func (s *Supervisor) ending(child Child, h *halting, prepare bool) (r result) {
	if prepare {
		if err := s.Command.Prepare(); err != nil {
			return result{event: refused, err: err}
		}
	}
	s.reserve.free()
	began, warned := time.Now(), false
	err := child.Stop(s.Schedule, func() { h.begun.Store(true) }, h.hasten)
	for ; scarce(err); err = child.Stop(s.Schedule, func() { h.begun.Store(true) }, h.hasten) {
		if !warned {
			s.Log.Warn("not stopped yet", "pid", child.PID(), "error", err.Error())
			warned = true
		}
		s.reserve.raise()
		s.pressed(child, h, time.Since(began))
		time.Sleep(shortage)
	}
	r.event = gone
	if err != nil {
		r.event, r.err = survived, fmt.Errorf("process %d: %w", child.PID(), err)
	}
	if r.over = over(child); r.over {
		r.end = child.End()
	}
	return r
}

// roomy does what ends a supervision with the descriptors that are held for that.
func (s *Supervisor) roomy(do func() error) error {
	s.reserve.free()
	err := do()
	if scarce(err) {
		s.reserve.raise()
		err = do()
	}
	return err
}

// pressed signals the child alone, by what is at hand, while the rest of a stop cannot be done.
func (s *Supervisor) pressed(child Child, h *halting, took time.Duration) {
	if over(child) || len(s.Schedule) == 0 {
		return
	}
	sig := s.Schedule[0].Signal
	select {
	case <-h.hasten:
		sig = syscall.SIGKILL
	default:
		if took > s.Schedule[0].Wait {
			sig = syscall.SIGKILL
		}
	}
	if !h.begun.Load() || sig == syscall.SIGKILL {
		_ = child.Signal(sig) // what fails is tried again
	}
	h.begun.Store(true)
}

// scarce holds for errors of a moment, in which something of the system or of this process is used up.
func scarce(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.ENOMEM} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

func over(child Child) bool {
	select {
	case <-child.Done():
		return true
	default:
		return false
	}
}
