// Package ready is how a process that was started shows that it is ready: by sd_notify(3), by a newline on a descriptor
// as in s6, by health checks, and by having lived for a while.
//
//	c, err := want.Open(&cmd)        the command has what it tells by in its environment and its descriptors
//	child.Start(ctx, cmd, ...)
//	c.Watch(child, since)            from now on events come
//	for e := range c.Events() ...    until Close: all of them are to be taken, for the life of the child
//	c.Close()
//
// An end of the process is no event: the owner knows that from the child.
package ready

import (
	"context"
	"os"
	"slices"
	"time"

	"pidbox/lib/health"
	"pidbox/lib/notify"
	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

// Want says what a process is to show: at most one of Notify, Descriptor and Checks, and that it lives. The zero value is
// shown by having been executed.
type Want struct {
	MinUptime  time.Duration  // it has lived for that long
	Notify     bool           // it says READY=1
	Descriptor int            // it writes a newline to that descriptor; 0: none
	Checks     []health.Check // all of them pass, answered by the process or what came of it
	Shared     bool           // with Checks: other processes may answer as well
	Timeout    time.Duration  // for all but MinUptime, unless the process asks for more by EXTEND_TIMEOUT_USEC; 0: no limit
	Watchdog   time.Duration  // with Notify: once it is ready, WATCHDOG=1 at least that often; 0: not asked for
	Follow     bool           // with Notify: MAINPID is an event
}

// Shown says that there is something to wait for beside the time that it has to live.
func (w Want) Shown() bool { return w.Notify || w.Descriptor != 0 || len(w.Checks) > 0 }

// Kind is what has happened.
type Kind int

// The kinds of events.
const (
	Ready    Kind = iota // it has shown all that was wanted, and lived for long enough; once
	Served               // after Ready, with Notify: the barrier came, or no more for a second; once
	Status               // it says Text of itself, in a line
	Named                // it names Main as its main process; the handle is the receiver's to close
	Stopping             // it says that it is going to stop; if that was before Ready, it is not ready until it says so again
	Late                 // it was not ready in time, for the reason Text, if there is one; once
	Never                // it cannot become ready any more, for the reason Text; once
	Hung                 // its watchdog was not heard in time, or it said so itself, and Text is how; once
	Heard                // all that was told before Hear was called has become events; once for each call
	Ignored              // a message was ignored, for the reason Text
	Failed               // the watch has failed, by Err; once
)

// Event is one of them.
type Event struct {
	Kind Kind
	Text string
	Main *proc.Handle
	Err  error
}

// Process is whose readiness it is: a *child.Child.
type Process interface {
	Identity() proc.Identity
	Owns(*proc.Handle) (bool, error) // it, and what came of it; proc.ErrNotFound: nothing can be found out any more
	Members() ([]int, error)         // those that Owns holds for
	Done() <-chan struct{}
}

// Course is the way of one process to its readiness, and its watch from then on. It must be closed.
type Course struct {
	want        Want
	socket      *notify.Socket
	read, write *os.File // of the descriptor
	owner       int      // the user that the process runs as

	of     Process
	said   chan *notify.Message
	shows  chan signal
	events chan Event
	closed chan struct{}
}

// Open gives the command what it is to tell by: NOTIFY_SOCKET and WATCHDOG_USEC, or the descriptor. WATCHDOG_PID is not
// set: any process of the command's may ping.
func (w Want) Open(cmd *spawn.Command) (*Course, error) {
	c := &Course{
		want: w, owner: os.Geteuid(), said: make(chan *notify.Message), shows: make(chan signal),
		events: make(chan Event), closed: make(chan struct{}),
	}
	if cmd.User != nil {
		c.owner = cmd.User.UID
	}
	var err error
	if w.Notify {
		err = c.listen(cmd)
	}
	if err == nil && w.Descriptor != 0 {
		err = c.pipe(cmd)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	c.want.Checks = slices.Clone(w.Checks)
	for i, check := range c.want.Checks {
		c.want.Checks[i] = health.Like(check, *cmd)
	}
	return c, nil
}

// Held is for while the process is held: it fails with *health.TakenError where a check passes already and others than the
// process would count for it.
func (c *Course) Held(ctx context.Context) error {
	if len(c.want.Checks) == 0 || c.want.Shared {
		return nil
	}
	return health.Unclaimed(ctx, c.want.Checks)
}

// Watch begins, once the process was let go; it counts the time from since. It is called once.
func (c *Course) Watch(of Process, since time.Time) {
	c.of = of
	if c.write != nil {
		c.write.Close()
	}
	go c.run(since)
}

// Events are what happens. Nobody is heard while they are not taken.
func (c *Course) Events() <-chan Event { return c.events }

// Hear is for when the process has ended: it may have said why. It is for Notify only.
func (c *Course) Hear() { c.socket.Interrupt() }

// Close ends the watch. What the process tells from then on, nobody hears.
func (c *Course) Close() {
	select {
	case <-c.closed:
		return
	default:
		close(c.closed)
	}
	if c.socket != nil {
		c.socket.Close()
	}
	if c.read != nil {
		c.read.Close()
		c.write.Close()
	}
}
