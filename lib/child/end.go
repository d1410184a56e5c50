package child

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

// retry is the pace at which a wait is tried again that failed for want of descriptors or memory.
const retry = 100 * time.Millisecond

// Done is closed once the process itself has ended. It is not reaped by that. A child that is closed before stays
// undone.
func (c *Child) Done() <-chan struct{} {
	c.watch.Do(func() {
		process := c.handle
		if c.process != nil {
			process = c.process.Handle() // whoever it was passed on to
		}
		if alive, err := process.Alive(); err == nil && !alive {
			c.ended = time.Now()
			close(c.done)
			return
		}
		go func() {
			for {
				err := process.Wait(context.Background())
				if err == nil {
					c.ended = time.Now()
					close(c.done)
					return
				}
				if gone(err) {
					return
				}
				time.Sleep(retry)
			}
		}()
	})
	return c.done
}

// Over says that the process itself has ended.
func (c *Child) Over() bool {
	select {
	case <-c.Done():
		return true
	default:
		return false
	}
}

// Ended is when that was: for after Done.
func (c *Child) Ended() time.Time {
	<-c.Done()
	return c.ended
}

// Signal signals the process alone. ErrNotFound says that it was reaped, or let be.
func (c *Child) Signal(sig syscall.Signal) error {
	err := c.handle.Signal(sig)
	if gone(err) {
		return proc.ErrNotFound
	}
	return err
}

// Reap waits for the process, and for a Stop or Clear that is under way, and says how it ended; again, it says the
// same. spawn.ErrReaped says that this is not known: the process was adopted and the kernel does not tell, or its exit
// status was collected elsewhere.
func (c *Child) Reap() (spawn.Ending, error) {
	<-c.Done()
	c.clearing.Lock()
	defer c.clearing.Unlock()
	return c.reap()
}

func (c *Child) reap() (spawn.Ending, error) {
	c.reaping.Do(func() {
		defer func() { c.ending.OOM = c.ending.Signal == syscall.SIGKILL && c.oom.Killed() }()
		if c.process == nil {
			limited, cancel := context.WithTimeout(context.Background(), retry)
			defer cancel()
			var err error
			if c.ending, err = c.handle.Ending(limited); err != nil {
				c.reaped = fmt.Errorf("%w: %w", spawn.ErrReaped, err)
			}
			return
		}
		c.ending, c.reaped = c.process.Wait(context.Background())
		c.spec.Orphans.died(c.process.PID())
	})
	return c.ending, c.reaped
}

// Release removes the pidfile, once the process has ended, if it names that still: that another process has claimed it,
// or that it is gone, is as good. What an error means is the caller's to say. It may be called after Close.
func (c *Child) Release(ctx context.Context) error {
	if c.spec.PIDFile == "" {
		return nil
	}
	h, err := pidfile.Read(c.spec.PIDFile, c.spec.Rules)
	if err != nil {
		return err
	}
	defer h.Close()
	if h.State != pidfile.Stale || h.PID != c.PID() {
		return nil
	}
	if err := pidfile.Release(ctx, h); errors.Is(err, pidfile.ErrChanged) {
		return nil
	} else if err != nil {
		return err
	}
	if c.spec.Forget != nil {
		return c.spec.Forget()
	}
	return nil
}
