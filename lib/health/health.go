// Package health asks services whether they are well, once or until they are: over HTTP, HTTPS, TCP and UNIX
// sockets, or by running a command. An answer of "no" is an error that says why in words an operator reads in a
// log: "connection refused", "status 503: starting", "certificate expired on 2026-01-02", "no answer in 2s".
//
// A check sees one moment: a service may fall ill between the answer and its reader. No check outlives its
// context, leaves a connection or a process behind, or shows a secret in an error.
package health

import (
	"context"
	"errors"
	"time"
)

// Check is one question that can be asked again and again, of one asker at a time.
type Check interface {
	// Check asks once. Nil means healthy, any error why not; it returns soon after ctx ends.
	Check(ctx context.Context) error
	// String is the target as messages name it: without password and query.
	String() string
}

// Pace says how often Until asks and what it takes for its answer. The zero value asks at once, then after a
// sixth of the time waited so far (50 ms to 1 s), and believes the first "healthy" of each check.
type Pace struct {
	InitialDelay time.Duration // before the first attempt
	Interval     time.Duration // from the start of one attempt to the next; 0: a sixth of the time waited so far
	TryTimeout   time.Duration // of one attempt; 0: only the context limits it
	Successes    int           // wanted in a row; less than 1 means 1
	Invert       bool          // wait until the checks fail
	Any          bool          // one check is enough
	Once         bool          // one attempt each
	Alone        bool          // nothing else is at work in this process: few checks, and no commands, share one thread then
}

// Attempt is one answer, as progress hears of it.
type Attempt struct {
	Check   Check
	Number  int           // of this check, from 1
	Elapsed time.Duration // since Until was called
	Err     error         // nil: healthy
}

// Result is what Until found.
type Result struct {
	Elapsed  time.Duration
	Attempts int      // of all checks together
	Targets  []Target // one per check, in their order
	any      bool
}

// Target is what Until found of one check.
type Target struct {
	Check    Check
	Settled  bool // healthy (Invert: unhealthy) as often in a row as wanted, and so at the end
	Healthy  bool // by its last answer
	Attempts int
	Reason   error // why the last attempt that told something left it unsettled; nil when settled or never asked
}

// Unsettled is the target that kept Until from success, nil when there is none: the first that said "no", or the first
// that could not be asked where none did. Where any is enough, who could not be asked comes first: he might be the one.
func (r Result) Unsettled() (first *Target) {
	for i := range r.Targets {
		t := &r.Targets[i]
		switch {
		case t.Settled:
		case t.Reason != nil && errors.Is(t.Reason, ErrNotAsked) == r.any:
			return t
		case first == nil:
			first = t
		}
	}
	return first
}

// The reasons of targets that answered, but not as wanted, and Until's answer with Once.
var (
	ErrUnhealthy    = errors.New("unhealthy")
	ErrStillHealthy = errors.New("still healthy")
	ErrTooFew       = errors.New("healthy, but not often enough in a row")
	ErrNotAtOnce    = errors.New("not asked again at the end")
)
