// Package supervise keeps one command running: it starts it, waits for its end without ticking, starts it again
// after a delay, and stops, leaves or adopts it. It guarantees that there are never two of it: a child is recorded
// in its pidfile while it is still held before exec, so that a supervisor killed at any moment leaves either no child
// or one that the next supervisor finds.
//
// The loop is a table: in each phase, what is done when something happens. Nothing in it waits for a disk, a reader or
// another process: a start and a stop run beside it, and their results come back as events.
//
//	          started  failed  exited  sick  gone  survived  refused  due    stop   leave  restart  forward
//	starting  watch    retry   -       -     -     -         -        -      abort  abort  note     -
//	aborting  undo     finish  -       -     -     -         -        finish -      -      refuse   -
//	running   -        -       follow  halt  -     -         -        -      halt   part   renew    pass
//	following heir     lost    -       -     -     -         -        -      hurry  hurry  note     -
//	stopping  -        -       -       -     next  keep      keep     -      turn   turn   turn     -
//	waiting   -        -       -       -     -     -         -        begin  finish finish begin    -
//	sweeping  -        -       -       -     swept -         -        -      press  -      refuse   -
//
// Phases: starting, a start is under way, or the adoption before the first; aborting, a start is to end, for its
// supervisor does; running; following, the child has exited, and the one that it may have left in its place is looked for;
// stopping, the child or what it left of its scope is being ended; waiting, for the next start
// to be due; sweeping, as PID 1 all that is left is ended, last of all. Events: started and failed, the start or that look; exited and sick, the child, by itself or by a check or its watchdog;
// gone, survived and refused, the stop: refused is a restart whose new program cannot be started; due, the timer; and the
// requests. What follows a stop is in the goal, which requests change while it is under way (turn).
//
// The parts: Policy and Backoff say when to start again, Supervisor is the loop, Service is the command with its
// pidfile, Control answers other processes. The package logs events to the journal.Logger that it is given, and knows
// neither options nor exit statuses.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"pidbox/lib/journal"
	"pidbox/lib/ready"
	"pidbox/lib/signals"
)

// ErrGaveUp says that the policy forbids another restart.
var ErrGaveUp = errors.New("gave up")

// Child is one run of the command, started or adopted.
type Child interface {
	PID() int
	Adopted() bool
	Began() time.Time
	Done() <-chan struct{}      // closed when it has ended
	End() End                   // how; after Done only
	Events() <-chan ready.Event // of its readiness and its watchdog, all of which are to be taken; nil: there are none
	Signal(syscall.Signal) error
	Astray() int // a process that it may have put into the background, 0 for none, once it has ended
	// Stop runs the schedule on all of the child's group, also when the child itself has ended, and returns once none
	// is left. It calls begun before the first signal, if there is one to be sent. Closing hasten skips to KILL.
	Stop(schedule signals.Schedule, begun func(), hasten <-chan struct{}) error
	Close() // lets go of a child without touching it
}

// Commander starts the command and keeps its record.
type Commander interface {
	// Adopt returns the running child that an earlier supervisor recorded, nil if there is none. With a child, ErrOther
	// says that it runs another command and has to be stopped first.
	Adopt() (Child, error)
	// Prepare fails where a start would, as far as that can be known without one.
	Prepare() error
	// Start returns a child whose record is complete and which has exec'ed. The end of ctx aborts it: the child is killed
	// before it runs, or at the latest right after.
	Start(ctx context.Context) (Child, error)
	// Follow returns the child that one which has ended left in its place, which has closed that one, and nil for none. The
	// end of ctx ends the look.
	Follow(ctx context.Context, ended Child) (Child, error)
	// Forget removes the record of a child that has ended.
	Forget() error
}

// ErrOther says that the recorded child runs another command than the one asked for.
var ErrOther = errors.New("another command")

// End is how a run of the command ended.
type End struct {
	At     time.Time
	Code   int            // exit code; -1: unknown or a signal
	Signal syscall.Signal // 0: not by a signal
	Core   bool
	OOM    bool   // by the kernel's OOM killer
	Untold string // why it is unknown, as far as that is known
	Reason string // why the supervisor ended it or could not start it, if it did
}

func (e End) String() string {
	switch {
	case e.Reason != "":
		return e.Reason
	case e.OOM:
		return "killed by the OOM killer (" + signals.Name(e.Signal) + ")"
	case e.Signal != 0 && e.Core:
		return "killed by " + signals.Name(e.Signal) + " (core dumped)"
	case e.Signal != 0:
		return "killed by " + signals.Name(e.Signal)
	case e.Code < 0 && e.Untold != "":
		return "exited; how is not known: " + e.Untold
	case e.Code < 0:
		return "exited; how is not known"
	}
	return fmt.Sprintf("exit code %d", e.Code)
}

// EndedError is an end of the command that no restart follows, by its policy, or because it was the first one and not ready.
type EndedError struct {
	End     End
	Unready int // the PID of that first one; 0: it is by the policy
}

func (e *EndedError) Error() string {
	if e.Unready != 0 {
		return fmt.Sprintf("process %d died before it was ready: %v", e.Unready, e.End)
	}
	return fmt.Sprintf("not restarted: %v", e.End)
}

// Outcome is how a supervision ended.
type Outcome int

// The outcomes.
const (
	Stopped  Outcome = iota // on request, the child gone
	Left                    // on request, the child running on
	Finished                // the child ended with a code that is not restarted
)

// Supervisor keeps one command running by a policy. Run is called once; Ask and Status by any goroutine.
type Supervisor struct {
	Command  Commander
	Backoff  Backoff
	Schedule signals.Schedule
	Health   *Health // nil: no checks
	Log      *journal.Logger
	Ready    func() // called once, when the first child is ready (and healthy, if that is checked)
	Ending   func() // called when the stop that was asked for begins
	Beat     func() // called every Pulse by the loop, so that it shows that this is not stuck
	Pulse    time.Duration

	Sweep  func(begun func(), hasten <-chan struct{}) error // ends what a PID 1 has left beside the child; nil: nothing
	Advice string                                           // for a command that puts itself into the background
	Strict bool                                             // it is an error if the first child ends before it is ready

	reserve  reserve
	reopen   func() // the log
	requests chan Request
	over     chan struct{}
	restarts []Request // answered at the next start
	ready    sync.Once
	rests    sync.Once
	mu       sync.Mutex
	status   Status
	changed  chan struct{} // closed at each change of status
}

// newSupervisor makes a supervisor, which can be asked things before it runs.
func newSupervisor(c Commander, p Policy, schedule signals.Schedule, log *journal.Logger) *Supervisor {
	return &Supervisor{
		Command: c, Backoff: Backoff{Policy: p}, Schedule: schedule, Log: log, Ready: func() {}, Ending: func() {},
		requests: make(chan Request), over: make(chan struct{}), reopen: func() {}, changed: make(chan struct{}),
		status: Status{State: Starting},
	}
}
