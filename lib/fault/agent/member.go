package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"pidbox/lib/child"
	"pidbox/lib/fault"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// member is the processes of the cluster's member.
type member struct {
	child    *child.Child  // its first process; nil for one that a control group alone tells of
	reach    reach         // all of them
	expected bool          // the agent is ending it
	guard    *guard        // of its pause
	ending   sync.Mutex    // held while it is being ended: what its first process has left has its grace too
	recorded chan struct{} // closed once its end is on record
}

// PID is that of its first process, of a control group the lowest; 0: it has just ended.
func (m *member) PID() int {
	if m.child != nil {
		return m.child.PID()
	}
	if pids, err := m.reach.members(); err == nil && len(pids) > 0 {
		return pids[0]
	}
	return 0
}

// over waits until the first process has ended, or all of a control group.
func (m *member) over() {
	if m.child != nil {
		<-m.child.Done()
		return
	}
	for m.reach.Wait(context.Background()) != nil {
		time.Sleep(100 * time.Millisecond)
	}
}

// spec is how the member is kept: until it is reaped, its session is its own, and is cleared by then.
func (a *Agent) spec() child.Spec {
	return child.Spec{Session: true, Scope: proc.Session, PIDFile: a.PIDFile, Rules: a.Rules, Orphans: a.orphans}
}

func (a *Agent) adopt() error {
	c, err := child.Adopt(context.Background(), a.spec())
	if err != nil || c == nil {
		return err
	}
	m := a.keep(c, a.reached(c.Handle()))
	return a.resume(m) // its agent may have been killed together with the guard of a pause
}

// keep makes a process the member.
func (a *Agent) keep(c *child.Child, r reach) *member {
	m := &member{child: c, reach: r, recorded: make(chan struct{})}
	since := time.Now()
	if c != nil {
		since = c.Began()
	}
	a.mu.Lock()
	a.member, a.state, a.since = m, fault.Running, since
	a.mu.Unlock()
	go a.watch(m)
	return m
}

func (a *Agent) start(variant string) (err error) {
	a.mu.Lock()
	if a.again != nil {
		a.again.Stop()
		a.again = nil
	}
	running := a.member != nil
	a.mu.Unlock()
	if running {
		return nil
	}
	if a.closed {
		return refuse(503, "the agent is ending")
	}
	if a.Attach != nil {
		return a.startAttached(variant)
	}
	cmd, err := a.command(variant)
	if err != nil {
		return err
	}
	if cmd.Path, err = spawn.LookPath(cmd.Args[0], os.Getenv("PATH"), cmd.Dir); err != nil {
		return err
	}
	log, err := a.openLog()
	if err != nil {
		return err
	}
	if log != nil {
		defer log.Close()
		cmd.Stdout, cmd.Stderr = log, log
	}
	c, r, err := a.spawn(cmd)
	if held := (*pidfile.HeldError)(nil); errors.As(err, &held) {
		defer held.Holder.Close()
		return refuse(409, "%w", err)
	}
	if err != nil {
		return err
	}
	a.keep(c, r)
	return nil
}

// openLog is the member's log, its user's; nil without a directory.
func (a *Agent) openLog() (*os.File, error) {
	if a.root == nil {
		return nil, nil
	}
	log, err := a.root.OpenFile(logName, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the member's log: %w", err)
	}
	return log, nil
}

// spawn starts the command in the control group: it is moved there while it is held, before it runs anything.
func (a *Agent) spawn(cmd spawn.Command) (_ *child.Child, _ reach, err error) {
	if err := a.clearGroup(); err != nil {
		return nil, nil, err
	}
	c, err := child.Reserve(context.Background(), a.spec())
	if err != nil {
		return nil, nil, err
	}
	if err = c.Hold(context.Background(), cmd); err == nil && a.group != nil {
		if err = a.group.Add(c.PID()); err != nil {
			err = fmt.Errorf("move the member into its control group: %w", err)
		}
	}
	if err == nil {
		err = c.Record(context.Background())
	}
	if err == nil {
		err = c.LetGo(context.Background())
	}
	if err != nil {
		c.Close()
		a.dropGroup()
		return nil, nil, err
	}
	if a.group != nil {
		return c, *a.group, nil
	}
	return c, tree{leader: c.Handle(), helper: a.helps}, nil
}

// clearGroup sees that the group is there and empty: what an earlier member has left in it, whose agent was killed, ends.
func (a *Agent) clearGroup() error {
	if a.group == nil {
		return nil
	}
	err := a.finish(*a.group)
	if err == nil {
		err = a.remake()
	}
	return err
}

// finish ends at once what is left of a member.
func (a *Agent) finish(r reach) error {
	limited, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.Signal(syscall.SIGKILL); errors.Is(err, proc.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	return r.Wait(limited)
}

// watch waits for the end of the process and puts it on record. What a process that ended by itself has left is ended too,
// as a service manager does: it would write into what is wiped, and keep the ports from the next.
func (a *Agent) watch(m *member) {
	m.over()
	m.ending.Lock()
	exit := fault.Exit{Code: -1}
	if m.child != nil {
		if a.Attach == nil {
			if err := m.child.Clear(); err != nil && !errors.Is(err, proc.ErrNotFound) {
				a.Log("stop what the member left behind: %v", err)
			}
			if err := a.finish(m.reach); err != nil && !errors.Is(err, proc.ErrNotFound) {
				a.Log("stop what the member left behind: %v", err)
			}
		}
		if end, err := m.child.Reap(); err == nil {
			exit.Code = end.Code
			if end.Signal != 0 {
				exit.Signal = signals.Name(end.Signal)
			}
		}
	}
	if g, is := m.reach.(group); is && a.Attach == nil {
		_ = g.Remove()
	}
	m.ending.Unlock()
	exit.At = time.Now()
	a.mu.Lock()
	a.member, a.state, a.since, a.exit = nil, fault.Stopped, exit.At, &exit
	byItself := !m.expected
	if byItself {
		a.state = fault.Exited
		a.unexpected++
	}
	if m.guard != nil {
		m.guard.end()
	}
	a.mu.Unlock()
	if byItself {
		a.Log("the member %v", exit) // who reads the log may keep it waiting
	}
	if m.child != nil && a.Attach == nil {
		if err := m.child.Release(context.Background()); err != nil { // a stale pidfile stands in nobody's way
			a.Log("remove the pidfile: %v", err)
		}
	}
	close(m.recorded)
	if m.child != nil {
		m.child.Close()
	}
}
