package child

import (
	"context"
	"os"
	"syscall"
	"time"

	"pidbox/lib/cgroup"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

// Reserve locks the pidfile, if there is to be one, and judges it: the errors are those of pidfile.Reserve.
func Reserve(ctx context.Context, s Spec) (c *Child, err error) {
	c = &Child{spec: s, done: make(chan struct{})}
	if s.PIDFile == "" {
		return c, nil
	}
	c.place, err = pidfile.Reserve(ctx, s.PIDFile, s.Rules, s.Mode, s.Wait)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Hold forks the process, which stops one step before it executes the command and exits if we do. With the end of ctx it is
// given up.
func (c *Child) Hold(ctx context.Context, cmd spawn.Command) (err error) {
	if c.kin = c.spec.Orphans.kin(); c.kin == nil && c.spec.Scope == proc.Tree {
		c.kin = adoptOrphans()
	}
	err = c.spec.Orphans.birth(func() (int, error) {
		if c.spec.Detach {
			c.process, err = spawn.Detach(ctx, cmd)
		} else {
			c.process, err = spawn.Start(ctx, cmd, c.spec.Session)
		}
		if err != nil {
			return 0, err
		}
		return c.process.PID(), nil
	})
	if err != nil {
		return err
	}
	c.handle = c.process.Handle()
	if !c.spec.Nameless {
		var unknown error
		c.identity, unknown = c.handle.Identity() // what is not known is zero
		if unknown == nil && c.place != nil {
			c.place.Known = c.identity
		}
	}
	if c.spec.grouped() {
		err = c.enclose()
	}
	if err == nil && c.spec.Held != nil {
		err = c.spec.Held()
	}
	if err != nil {
		_ = c.process.Abort()
		c.spec.Orphans.died(c.process.PID())
		c.disband()
	}
	return err
}

// Record has the pidfile name the held process. If that fails, or ctx has ended, the process is ended unrun.
func (c *Child) Record(ctx context.Context) error {
	err := context.Cause(ctx)
	if err == nil && c.place != nil {
		c.place.Attach = c.spec.Attach
		err = c.place.Write(c.handle)
		c.recorded = true // or a part of it
	}
	if err != nil {
		_ = c.process.Abort() // killed at the latest when the line is closed
		c.spec.Orphans.died(c.process.PID())
		return c.undo(err)
	}
	return nil
}

// LetGo has the process execute the command, and returns once it did. It inherits the files, on numbers of the kernel's
// choice. That takes long where somebody keeps it stopped, or its file system does not answer: with the end of ctx it
// is killed, unless it is a lasting one that has executed it, and the error is the cause of that. An error leaves neither
// process nor pidfile.
func (c *Child) LetGo(ctx context.Context, inherit ...*os.File) error {
	killed := make(chan bool, 1)
	forget := context.AfterFunc(ctx, func() {
		executed, err := c.handle.Executed()
		runs := c.spec.Lasting && err == nil && executed
		if !runs {
			_ = c.handle.Signal(syscall.SIGKILL)
		}
		killed <- !runs
	})
	err := c.letGo(inherit)
	if !forget() && <-killed {
		if err == nil { // it has run, if only for a moment: what it started goes with it
			_ = c.Clear()
			_, _ = c.Reap()
		}
		err = context.Cause(ctx)
	}
	if err != nil {
		c.spec.Orphans.died(c.process.PID())
		return c.undo(err)
	}
	return nil
}

func (c *Child) letGo(files []*os.File) error {
	if c.spec.HoldLock && c.place != nil {
		f, err := c.place.LockFile()
		if err != nil {
			_ = c.process.Abort()
			return err
		}
		defer f.Close()
		files = append([]*os.File{f}, files...)
	}
	if c.spec.OOM {
		c.oom = cgroup.WatchOOM(c.process.Handle())
	}
	c.began = time.Now()
	if err := c.process.Release(files...); err != nil {
		_ = c.process.Abort()
		return err
	}
	c.unlock()
	if c.spec.Meanwhile != nil {
		c.spec.Meanwhile(c.process.Line())
	}
	return c.process.Executed()
}
