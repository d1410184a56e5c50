// Package child keeps the promise that the other packages are made of: a process that is started is on record before it
// runs, its PID is nobody else's while anything of it is left, and its pidfile goes only if it is still its own.
//
//	us                                    the child                        the pidfile
//	Reserve ── locks ───────────────────────────────────────────────────▶ reserved
//	Hold ──── fork, line ───────────────▶ held, one step before exec
//	       ◀─ line: PID or why not ───────
//	Record ── identity ─────────────────────────────────────────────────▶ names the child
//	LetGo ─── line: a byte, files ──────▶ execve
//	       ─── unlocks ─────────────────────────────────────────────────▶ names the child
//	       ◀─ line: closed by the exec, or errno
//	                                      runs
//	Done   ◀─ pidfd: readable ─────────── ended, a zombie                  stale
//	Clear ─── signals ──────────────────▶ the rest of its scope
//	Reap  ─── wait4 ────────────────────▶ gone
//	Release ─ locks, looks, unlinks ────────────────────────────────────▶ gone
//
// Whose death means what:
//
//   - We die before the byte: the line is closed, and the held child exits without having run anything. A pidfile that
//     was written by then is stale, as any claim may find it.
//   - We die after the byte: the child runs on, and is on record. Adopt finds it by its identity.
//   - The child dies before its exec: the line is closed by that, LetGo says so, and all that was done is undone.
//   - The child dies later: as a zombie it keeps its PID until Reap, and by that its group and session. Reap comes once
//     the scope is clear, or is held in a way that no later process can be taken for a member (see proc.Family). So
//     there is no moment at which a signal, or a reader of the pidfile, could meet another process in its place.
//   - The pidfile is unlocked while the child executes, which takes as long as its disk does. It is released last, and
//     only if it names this child still: another process may have claimed it the moment that it was stale.
//
// Start goes through the first four steps at once.
package child

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"

	"pidbox/lib/cgroup"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

// Spec says in what the children of different owners differ. The zero value is a command in our own process group with
// no pidfile, which is stopped alone.
type Spec struct {
	Session bool       // it leads a session of its own, hence a group
	Detach  bool       // it leads a group in a session of its own, by double fork; it is still ours to wait for
	Scope   proc.Scope // what Stop and Clear end with it

	// Cgroup puts it into a control group of its own, which is its scope then, and removes that when it is empty. Where there
	// is none of version 2 to be had, Instead hears why, and what is done: there is one of version 1, or Scope is as it says.
	// The scope ControlGroup demands one: a start fails then.
	Cgroup  bool
	Instead func(what string, why error)

	PIDFile  string // "" for none
	Rules    pidfile.Rules
	Mode     fs.FileMode   // 0: 0644 less the umask
	Wait     time.Duration // for a process that has the pidfile to end
	HoldLock bool          // the command inherits the pidfile, locked, and keeps it locked while it lives

	// Attach adds to the pidfile, before it has its name, what the owner keeps with it; Forget removes what of that is
	// outside of the file, after its release.
	Attach func(fd int, id proc.Identity) error
	Forget func() error

	// Prove says, in place of the pidfile's own record, that the process which it names is one to adopt. It is asked
	// twice, as a claim looks twice: before the locks are taken, and under them. Then Take puts the new owner on
	// record.
	Prove func(*pidfile.Holder) error
	Take  func() error

	// Held is asked while the process is held, of which nothing is on record yet: an error ends it unrun.
	Held func() error

	// Lasting says that a command which was executed runs on: the end of the context that it was started with came too late.
	Lasting bool

	// Meanwhile is called once the process was let go, with a descriptor that is readable when it executes or has failed to.
	Meanwhile func(line int)

	Nameless bool     // nothing is asked of it for which its Identity would have to be known
	OOM      bool     // Reap says whether it was the OOM killer that ended it
	Orphans  *Orphans // collects what this process inherits as PID 1; nil if that is not its task
}

// Child is a process and its pidfile, from the reservation on. Its methods may be called concurrently once it was let
// go or adopted. It must be closed.
type Child struct {
	spec     Spec
	place    *pidfile.Reservation // while it is reserved
	recorded bool
	process  *spawn.Process  // nil for one that was adopted
	holder   *pidfile.Holder // of one that was adopted
	kin      *kin            // of a tree: our other descendants
	oom      *cgroup.OOM
	members  *cgroup.Members // of its control group; nil where it has none
	handle   *proc.Handle
	identity proc.Identity
	began    time.Time

	watch sync.Once
	done  chan struct{}
	ended time.Time // once done is closed

	clearing sync.Mutex   // held while the scope is being ended: it is reaped after that
	group    *proc.Family // of one that was adopted: as it was found
	reaping  sync.Once
	ending   spawn.Ending
	reaped   error
}

// Start reserves, holds, records and lets go. Of a start that fails nothing is left.
func Start(ctx context.Context, cmd spawn.Command, s Spec) (*Child, error) {
	c, err := Reserve(ctx, s)
	if err == nil {
		err = c.Hold(ctx, cmd)
	}
	if err == nil {
		err = c.Record(ctx)
	}
	if err == nil {
		err = c.LetGo(ctx)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// PID is that of the process, or of the one that it was passed on to.
func (c *Child) PID() int { return c.handle.PID() }

// Handle is the process, to ask it more. It is closed with the child.
func (c *Child) Handle() *proc.Handle { return c.handle }

// Identity is who it is.
func (c *Child) Identity() proc.Identity { return c.identity }

// Adopted says that it is no child of this process: nobody tells us how it ends.
func (c *Child) Adopted() bool { return c.process == nil }

// Began is when it was let go, no later than its first action. For one that was adopted it is on the monotonic clock
// too.
func (c *Child) Began() time.Time { return c.began }

// Found is who the pidfile named before it was reserved; nil without a pidfile, and once it was let go.
func (c *Child) Found() *pidfile.Holder {
	if c.place == nil {
		return nil
	}
	return c.place.Holder
}

// Close lets the child be: a held one exits, one that was let go runs on. A nil child is closed.
func (c *Child) Close() {
	if c == nil {
		return
	}
	c.unlock()
	c.oom.Close()
	if c.process != nil {
		if c.handle != c.process.Handle() {
			c.handle.Close()
		}
		c.process.Close()
	}
	if c.group != nil {
		c.group.Close()
	}
	c.holder.Close()
	c.kin.close()
}

func (c *Child) unlock() {
	if c.place != nil {
		c.place.Close()
		c.place = nil
	}
}

// undo takes back what was done for a child that did not come to run.
func (c *Child) undo(cause error) error {
	c.disband()
	if !c.recorded {
		return cause
	}
	var err error
	if c.place != nil {
		err = c.place.Remove()
		if err == nil && c.spec.Forget != nil {
			err = c.spec.Forget()
		}
	} else {
		err = c.Release(context.Background())
	}
	c.recorded = false
	if err != nil {
		return errors.Join(cause, err)
	}
	return cause
}
