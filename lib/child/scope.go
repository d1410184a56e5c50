package child

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/stop"
)

// killWait is how long a process may take to vanish after a KILL.
const killWait = 5 * time.Second

// Kill is the schedule that ends what is left at once.
func Kill() signals.Schedule { return signals.Schedule{{Signal: syscall.SIGKILL, Wait: killWait}} }

// Stop runs the schedule on all of the scope, also when the process itself has ended, and returns once none of it is
// left. report, which may be nil, is told of each signal before it is sent: of none if there is nothing to signal. The
// other errors are those of stop.Run.
func (c *Child) Stop(ctx context.Context, schedule signals.Schedule, report func(signals.Step)) error {
	c.clearing.Lock()
	defer c.clearing.Unlock()
	family, err := c.family()
	switch {
	case gone(err):
		return nil
	case errors.Is(err, proc.ErrNotFound):
		<-c.Done()
		return nil
	case err != nil:
		return err
	}
	if family != c.group {
		defer family.Close()
	}
	if c.Over() {
		if left, err := c.leftover(family); err != nil || !left {
			c.disband()
			return err
		}
	}
	if f, is := family.(*proc.Family); is {
		f.Reaps(func() { _, _ = c.reap() })
	}
	_, err = stop.Run(ctx, family, schedule, report)
	if err == nil {
		<-c.Done()
		c.disband()
	}
	return err
}

// Family is the process and the others that are stopped with it.
type Family interface {
	stop.Target
	Members() ([]int, error) // the live ones, ascending
	Close() error
}

// Clear waits for the end of the process, and for a Stop that is under way, and then ends at once what is left of the
// scope.
func (c *Child) Clear() error {
	<-c.Done()
	return c.Stop(context.Background(), Kill(), nil)
}

// Within does something with all of the scope: ErrNotFound says that nothing of it is left.
func (c *Child) Within(do func(Family) error) error {
	family, err := c.family()
	if err == nil {
		if family != c.group {
			defer family.Close()
		}
		err = do(family)
	}
	if gone(err) {
		return proc.ErrNotFound
	}
	return err
}

// leftover says whether the process, which has ended, left others of its scope. Of a group the kernel knows: the
// process is reaped for that, so that the answer is not about itself. Until then the family holds the group, and no
// later process counts for a member. A session or a tree is looked for among all processes, with the zombie in its
// place; a control group says it itself.
func (c *Child) leftover(family Family) (bool, error) {
	if c.members != nil || c.spec.Scope != proc.Group {
		pids, err := family.Members()
		return len(pids) > 0, err
	}
	_, _ = c.reap()
	return left(family.Signal(0)), nil
}

// left says whether there is somebody to be signalled by what the kernel said to signal 0. Another error, such as a
// refusal, is met again by the schedule.
func left(err error) bool { return !errors.Is(err, proc.ErrNotFound) }

// family is the scope of the process, or what it left of that: ErrNotFound if nothing. One that was adopted may lead
// neither group nor session, and is stopped alone then.
func (c *Child) family() (Family, error) {
	switch {
	case c.members != nil:
		return c.members, nil
	case c.group != nil:
		return c.group, nil
	}
	scope := c.spec.fallback()
	if scope == proc.Tree {
		return c.tree()
	}
	var allow proc.Allow // of our own, all
	if c.holder != nil {
		allow = c.holder.Allow()
	}
	f, err := c.handle.Family(scope, allow)
	var member *proc.NotLeaderError
	switch {
	case errors.As(err, &member):
		return c.handle.Family(proc.Process, allow)
	case errors.Is(err, proc.ErrNotFound):
		return proc.Orphans(c.identity, scope, allow)
	}
	return f, err
}

// gone says that the child was closed meanwhile.
func gone(err error) bool { return errors.Is(err, os.ErrClosed) }
