package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
	"pidbox/lib/stop"
)

// member is the process of the cluster's member.
type member struct {
	handle   *proc.Handle
	child    *spawn.Process // nil when it was taken over: then nobody knows how it ends
	expected bool           // the agent is ending it
	guard    *guard         // of its pause
	ended    chan struct{}  // closed once its end is on record
	use      sync.RWMutex   // held while the handle is used
	gone     bool           // the handle is closed
}

// signal reaches the process and all of its session; ErrNotFound says that nobody is left.
func (m *member) signal(sig syscall.Signal) error {
	return m.within(func(f *proc.Family) error { return f.Signal(sig) })
}

// within does something with the process and all of its session, while its handle stays open.
func (m *member) within(do func(*proc.Family) error) error {
	m.use.RLock()
	defer m.use.RUnlock()
	if m.gone {
		return proc.ErrNotFound
	}
	f, err := family(m.handle)
	if err != nil {
		return err
	}
	defer f.Close()
	return do(f)
}

// family is a process and its session. One that was not started by an agent may not lead a session.
func family(h *proc.Handle) (*proc.Family, error) {
	f, err := h.Family(proc.Session, nil)
	if leader := (*proc.NotLeaderError)(nil); errors.As(err, &leader) {
		return h.Family(proc.Process, nil)
	}
	return f, err
}

func (a *Agent) adopt() error {
	h, err := pidfile.Read(a.PIDFile, a.Rules)
	if garbage := (*pidfile.GarbageError)(nil); errors.As(err, &garbage) {
		return nil // it names nobody, and the start will claim it
	}
	if err != nil {
		return err
	}
	switch h.State {
	case pidfile.Running:
	case pidfile.Doubtful:
		return &pidfile.DoubtError{Holder: h}
	default:
		h.Close()
		return nil
	}
	m := &member{handle: h.Process, ended: make(chan struct{})}
	a.member, a.state = m, fault.Running
	if info, err := m.handle.Info(); err == nil && !info.Started.IsZero() {
		a.since = info.Started
	}
	go a.watch(m, h.Close)
	return a.resume(m) // its agent may have been killed together with the guard of a pause
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
	r, err := pidfile.Reserve(context.Background(), a.PIDFile, a.Rules, 0, 0)
	if held := (*pidfile.HeldError)(nil); errors.As(err, &held) {
		defer held.Holder.Close()
		return refuse(409, "%w", err)
	}
	if err != nil {
		return err
	}
	defer r.Close()
	child, err := spawn.Start(cmd, true)
	if err != nil {
		return err
	}
	if err := r.Write(child.Handle()); err != nil {
		defer child.Close()
		return errors.Join(err, child.Abort())
	}
	if err := child.Go(); err != nil {
		defer child.Close()
		return errors.Join(err, r.Remove())
	}
	m := &member{handle: child.Handle(), child: child, ended: make(chan struct{})}
	a.mu.Lock()
	a.member, a.state, a.since = m, fault.Running, time.Now()
	a.mu.Unlock()
	go a.watch(m, child.Close)
	return nil
}

// watch waits for the end of the process and puts it on record.
func (a *Agent) watch(m *member, done func()) {
	exit := fault.Exit{Code: -1}
	_ = m.handle.Wait(context.Background())
	a.clear(m)
	if m.child != nil {
		if end, err := m.child.Wait(context.Background()); err == nil {
			exit.Code = end.Code
			if end.Signal != 0 {
				exit.Signal = signals.Name(end.Signal)
			}
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
	if h, err := pidfile.Read(a.PIDFile, a.Rules); err == nil {
		if h.State == pidfile.Stale && h.PID == m.handle.PID() {
			err = pidfile.Release(context.Background(), h)
		}
		h.Close()
		if err != nil && !errors.Is(err, pidfile.ErrChanged) {
			a.Log("remove the pidfile: %v", err)
		}
	}
	close(m.ended)
	m.use.Lock()
	defer m.use.Unlock()
	m.gone = true
	done()
}

// clear ends what a process that ended by itself has left in its session, as a service manager does: it would write
// into what is wiped, and keep the ports from the next. Until the process is reaped that session is its own.
func (a *Agent) clear(m *member) {
	a.mu.Lock()
	expected := m.expected // then all of it is being stopped, by a schedule
	a.mu.Unlock()
	if expected {
		return
	}
	err := m.within(func(f *proc.Family) error {
		if alive, err := f.Alive(); !alive {
			return err
		}
		_, err := stop.Run(context.Background(), f, at("KILL/5"), nil)
		return err
	})
	if err != nil && !errors.Is(err, proc.ErrNotFound) {
		a.Log("end what the member has left: %v", err)
	}
}
