// Package supervise keeps one command running: it starts it, waits for its end without ticking, starts it again
// after a delay, and stops, leaves or adopts it. It guarantees that there are never two of it: a child is recorded
// in its pidfile while it is still held before exec, so that a supervisor killed at any moment leaves either no child
// or one that the next supervisor finds.
//
// The parts: Policy and Backoff say when to start again, Supervisor is the loop, Service is the command with its
// pidfile, Control answers other processes. The package logs events to the slog.Logger that it is given, and knows
// neither options nor exit statuses.
package supervise

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"pidbox/lib/signals"
)

// ErrGaveUp says that the policy forbids another restart.
var ErrGaveUp = errors.New("gave up restarting")

// Child is one run of the command, started or adopted.
type Child interface {
	PID() int
	Adopted() bool
	Began() time.Time
	Done() <-chan struct{} // closed when it has ended
	End() End              // how; after Done only
	Signal(syscall.Signal) error
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
	// Start returns a child whose record is complete and which has exec'ed.
	Start() (Child, error)
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
	Reason string // why the supervisor ended it or could not start it, if it did
}

func (e End) String() string {
	switch {
	case e.Reason != "":
		return e.Reason
	case e.Signal != 0 && e.Core:
		return "killed by " + signals.Name(e.Signal) + " (core dumped)"
	case e.Signal != 0:
		return "killed by " + signals.Name(e.Signal)
	case e.Code < 0:
		return "ended, no child of ours: exit code unknown"
	}
	return fmt.Sprintf("exit code %d", e.Code)
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
	Log      *slog.Logger
	Ready    func() // called once, when the first child runs (and is healthy, if that is checked)
	Ending   func() // called when the stop that was asked for begins

	logFile  *LogFile // its own, which a signal may reopen; nil: none
	requests chan Request
	over     chan struct{}
	restarts []Request // answered at the next start
	ready    sync.Once
	mu       sync.Mutex
	status   Status
	changed  chan struct{} // closed at each change of status
}

// newSupervisor makes a supervisor, which can be asked things before it runs.
func newSupervisor(c Commander, p Policy, schedule signals.Schedule, log *slog.Logger) *Supervisor {
	return &Supervisor{
		Command: c, Backoff: Backoff{Policy: p}, Schedule: schedule, Log: log, Ready: func() {}, Ending: func() {},
		requests: make(chan Request), over: make(chan struct{}), changed: make(chan struct{}),
		status: Status{State: Starting},
	}
}
