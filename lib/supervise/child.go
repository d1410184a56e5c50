package supervise

import (
	"context"
	"errors"
	"log/slog"
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
	done     chan struct{}
	end      End // written before done is closed
	release  func()
	log      *slog.Logger
}

// started waits for a direct child, which only that makes go away for good. The time of its end is that of its
// collection: no stranger can have its number before.
func started(p *spawn.Process, id proc.Identity, s *Service) *child {
	c := &child{handle: p.Handle(), identity: id, began: time.Now(), done: make(chan struct{}), release: p.Close, log: s.Log}
	go func() {
		defer close(c.done)
		ending, err := p.Wait(context.Background())
		c.end = End{Code: ending.Code, Signal: ending.Signal, Core: ending.Core}
		if err != nil || ending.Signal != 0 {
			c.end.Code = -1
		}
		s.Orphans.died(p.PID())
	}()
	return c
}

// adopted waits for the process of a holder, which is no child of ours.
func adopted(h *pidfile.Holder, id proc.Identity, log *slog.Logger) *child {
	c := &child{handle: h.Process, identity: id, began: time.Now(), adopted: true, done: make(chan struct{}), release: h.Close, log: log}
	if info, err := c.handle.Info(); err == nil {
		if !info.Started.IsZero() && info.Started.Before(c.began) {
			c.began = info.Started
		}
		if info.Deleted {
			log.Warn("the program of the running child was replaced or removed", "pid", c.PID(), "path", info.Exec)
		}
	}
	go func() {
		if c.handle.Wait(context.Background()) == nil {
			c.end = End{Code: -1}
			close(c.done)
		}
	}()
	return c
}

func (c *child) PID() int                      { return c.handle.PID() }
func (c *child) Adopted() bool                 { return c.adopted }
func (c *child) Began() time.Time              { return c.began }
func (c *child) Done() <-chan struct{}         { return c.done }
func (c *child) End() End                      { return c.end }
func (c *child) Signal(s syscall.Signal) error { return c.handle.Signal(s) }
func (c *child) Close()                        { c.release() }

// Stop ends the group that the child leads or led.
func (c *child) Stop(schedule signals.Schedule, hasten <-chan struct{}) error {
	family, err := c.family()
	if errors.Is(err, proc.ErrNotFound) {
		<-c.done
		return nil
	}
	if err != nil {
		return err
	}
	defer family.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-hasten:
			cancel()
		case <-ctx.Done():
		}
	}()
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

// killWait is how long a process may take to vanish after a hastened KILL.
const killWait = 5 * time.Second

func (c *child) tell(step signals.Step) {
	c.log.Info("signalled", "pid", c.PID(), "signal", signals.Name(step.Signal), "wait", step.Wait.String())
}

// family is the child's group, or what a dead child left of it: ErrNotFound if nothing.
func (c *child) family() (*proc.Family, error) {
	if !over(c) {
		f, err := c.handle.Family(proc.Group)
		if led := (*proc.NotLeaderError)(nil); errors.As(err, &led) {
			f, err = c.handle.Family(proc.Process)
		}
		if !errors.Is(err, proc.ErrNotFound) {
			return f, err
		}
		<-c.done
	}
	if groupEmpty(c.PID()) { // spares a look at every process there is, in the path of each restart
		return nil, proc.ErrNotFound
	}
	return proc.Orphans(c.identity, proc.Group)
}

// groupEmpty asks without reaching anybody: signal 0.
func groupEmpty(pgid int) bool { return syscall.Kill(-pgid, 0) == syscall.ESRCH }
