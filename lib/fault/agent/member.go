package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"pidbox/lib/child"
	"pidbox/lib/fault"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// member is the process of the cluster's member, with the session that it leads.
type member struct {
	*child.Child
	expected bool          // the agent is ending it
	guard    *guard        // of its pause
	recorded chan struct{} // closed once its end is on record
}

// signal reaches the process and all of its session; ErrNotFound says that nobody is left.
func (m *member) signal(sig syscall.Signal) error {
	return m.Within(func(f *proc.Family) error { return f.Signal(sig) })
}

// family is a process and its session. One that was not started by an agent may not lead a session.
func family(h *proc.Handle) (*proc.Family, error) {
	f, err := h.Family(proc.Session, nil)
	if leader := (*proc.NotLeaderError)(nil); errors.As(err, &leader) {
		return h.Family(proc.Process, nil)
	}
	return f, err
}

// spec is how the member is kept: until it is reaped, its session is its own, and is cleared by then.
func (a *Agent) spec() child.Spec {
	return child.Spec{Session: true, Scope: proc.Session, PIDFile: a.PIDFile, Rules: a.Rules}
}

func (a *Agent) adopt() error {
	c, err := child.Adopt(context.Background(), a.spec())
	if err != nil || c == nil {
		return err
	}
	m := a.keep(c)
	return a.resume(m) // its agent may have been killed together with the guard of a pause
}

// keep makes a process the member.
func (a *Agent) keep(c *child.Child) *member {
	m := &member{Child: c, recorded: make(chan struct{})}
	a.mu.Lock()
	a.member, a.state, a.since = m, fault.Running, c.Began()
	a.mu.Unlock()
	go a.watch(m)
	return m
}

func (a *Agent) start() (err error) {
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
	cmd := a.Command
	if cmd.Path, err = spawn.LookPath(cmd.Args[0], os.Getenv("PATH"), cmd.Dir); err != nil {
		return err
	}
	if a.root != nil {
		log, err := a.root.OpenFile(logName, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NOFOLLOW, 0o644)
		if err != nil {
			return fmt.Errorf("open the member's log: %w", err)
		}
		defer log.Close()
		cmd.Stdout, cmd.Stderr = log, log
	}
	c, err := child.Start(context.Background(), cmd, a.spec())
	if held := (*pidfile.HeldError)(nil); errors.As(err, &held) {
		defer held.Holder.Close()
		return refuse(409, "%w", err)
	}
	if err != nil {
		return err
	}
	a.keep(c)
	return nil
}

// watch waits for the end of the process and puts it on record. What a process that ended by itself has left in its
// session is ended too, as a service manager does: it would write into what is wiped, and keep the ports from the next.
func (a *Agent) watch(m *member) {
	if err := m.Clear(); err != nil && !errors.Is(err, proc.ErrNotFound) {
		a.Log("end what the member has left: %v", err)
	}
	exit := fault.Exit{Code: -1}
	if end, err := m.Reap(); err == nil {
		exit.Code = end.Code
		if end.Signal != 0 {
			exit.Signal = signals.Name(end.Signal)
		}
	}
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
	if err := m.Release(context.Background()); err != nil { // a stale pidfile stands in nobody's way
		a.Log("remove the pidfile: %v", err)
	}
	close(m.recorded)
	m.Close()
}
