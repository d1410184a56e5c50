package supervise

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
	"pidbox/lib/stop"
)

// child is a run of a Service.
type child struct {
	handle   *proc.Handle
	identity proc.Identity
	began    time.Time
	adopted  bool
	group    *proc.Family // of an adopted one, as it was found; of our own it is looked for before the number is given back
	done     chan struct{}
	ended    time.Time  // when done was closed
	collect  func() End // takes the exit status, once
	release  func()
	log      *slog.Logger
}

// started waits for a direct child. It stays a zombie until its group has been looked at: so long no stranger can have
// its number, neither as a process nor as a group.
func started(p *spawn.Process, id proc.Identity, began time.Time, s *Service) *child {
	c := &child{handle: p.Handle(), identity: id, began: began, release: p.Close, log: s.Log}
	c.collect = sync.OnceValue(func() End {
		ending, err := p.Wait(context.Background())
		s.Orphans.died(p.PID())
		if err != nil || ending.Signal != 0 {
			ending.Code = -1
		}
		return End{Code: ending.Code, Signal: ending.Signal, Core: ending.Core}
	})
	return c.watch()
}

// adopted waits for the process of a holder, which is no child of ours.
func adopted(h *pidfile.Holder, id proc.Identity, log *slog.Logger) *child {
	c := &child{handle: h.Process, identity: id, began: time.Now(), adopted: true, log: log}
	c.collect = func() End { return End{Code: -1} }
	if info, err := c.handle.Info(); err == nil {
		if age := c.began.Sub(info.Started); !info.Started.IsZero() && age > 0 {
			c.began = c.began.Add(-age) // on the monotonic clock: a step of the wall clock makes nobody older
		}
		if info.Deleted {
			log.Warn("the program of the running child was replaced or removed", "pid", c.PID(), "path", info.Exec)
		}
	}
	c.group, _ = c.handle.Family(proc.Group, nil)
	c.release = func() {
		if c.group != nil {
			c.group.Close()
		}
		h.Close()
	}
	return c.watch()
}

func (c *child) watch() *child {
	c.done = make(chan struct{})
	go func() {
		if c.handle.Wait(context.Background()) == nil {
			c.ended = time.Now()
			close(c.done)
		}
	}()
	return c
}

func (c *child) PID() int                      { return c.handle.PID() }
func (c *child) Adopted() bool                 { return c.adopted }
func (c *child) Began() time.Time              { return c.began }
func (c *child) Done() <-chan struct{}         { return c.done }
func (c *child) Signal(s syscall.Signal) error { return c.handle.Signal(s) }
func (c *child) Close()                        { c.release() }

// End has the time from the process's own end, and not from when the rest of its group was gone.
func (c *child) End() End {
	end := c.collect()
	end.At = c.ended
	return end
}

// Stop ends the group that the child leads or led.
func (c *child) Stop(schedule signals.Schedule, begun func(), hasten <-chan struct{}) error {
	family, err := c.family()
	if errors.Is(err, proc.ErrNotFound) {
		<-c.done
		return nil
	}
	if err != nil {
		return err
	}
	if family != c.group {
		defer family.Close()
	}
	if over(c) {
		c.collect()
		if errors.Is(family.Signal(0), proc.ErrNotFound) { // as most of the time, and found without a look at every process
			return nil
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-hasten:
			cancel()
		case <-ctx.Done():
		}
	}()
	family.Reaps(func() { c.collect() })
	begun()
	_, err = stop.Run(ctx, family, schedule, c.tell)
	if err != nil && ctx.Err() != nil {
		kill := signals.Schedule{{Signal: syscall.SIGKILL, Wait: killWait}}
		_, err = stop.Run(context.Background(), family, kill, c.tell)
	}
	if err == nil {
		<-c.done
	}
	return err
}

// family is the child's group, or what a dead child left of it: ErrNotFound if nothing.
func (c *child) family() (*proc.Family, error) {
	if c.group != nil {
		return c.group, nil
	}
	f, err := c.handle.Family(proc.Group, nil)
	var member *proc.NotLeaderError
	switch {
	case errors.As(err, &member):
		return c.handle.Family(proc.Process, nil)
	case errors.Is(err, proc.ErrNotFound):
		return proc.Orphans(c.identity, proc.Group, nil)
	}
	return f, err
}

// killWait is how long a process may take to vanish after a hastened KILL.
const killWait = 5 * time.Second

func (c *child) tell(step signals.Step) {
	c.log.Info("signalled", "pid", c.PID(), "signal", signals.Name(step.Signal), "wait", step.Wait.String())
}
