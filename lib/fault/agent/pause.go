package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"pidbox/lib/child"
	"pidbox/lib/fault"
	"pidbox/lib/proc"
)

// guard is the agent's end of it.
type guard struct {
	child *child.Child
	in    *os.File // closing it ends the pause
	out   *bufio.Reader
	since time.Time
	done  chan struct{}
}

func (g *guard) end() { g.in.Close() }

// Pause stops the member by SIGSTOP for the hold; a second pause replaces the hold of the first.
func (a *Agent) Pause(o fault.Order) error {
	if err := a.checkHold(o.Hold, true); err != nil {
		return err
	}
	a.order.Lock()
	defer a.order.Unlock()
	a.mu.Lock()
	m := a.member
	var g *guard
	if m != nil {
		g = m.guard
	}
	a.mu.Unlock()
	if m == nil || a.closed {
		return refuse(409, "there is no process to pause")
	}
	if g != nil {
		if g.hold(o.Hold) == nil {
			return nil
		}
		<-g.done // it was at its end; or its last word would end the new pause
	}
	var err error
	for range 3 { // a tree may grow while it is being found
		if err = a.putGuard(m, o.Hold); err != nil {
			break
		}
		paused, err := m.reach.paused()
		if paused || err != nil {
			return err
		}
		if err := a.resume(m); err != nil {
			return err
		}
	}
	if err == nil {
		err = errors.New("some of its processes go on")
	}
	return fmt.Errorf("pause process %d: %w", m.PID(), err)
}

// putGuard starts a guard, which has paused the member when it returns.
func (a *Agent) putGuard(m *member, hold fault.Duration) error {
	g, err := a.newGuard(m)
	if err != nil {
		return fmt.Errorf("start the guard of a pause: %w", err)
	}
	a.mu.Lock()
	m.guard = g
	a.mu.Unlock()
	go a.guarded(m, g)
	if err := g.hold(hold); err != nil {
		g.end()
		return err
	}
	return nil
}

func (g *guard) hold(d fault.Duration) error {
	if _, err := fmt.Fprintln(g.in, d); err != nil {
		return err
	}
	_, err := g.out.ReadString('\n')
	if errors.Is(err, io.EOF) {
		return errors.New("the guard exited")
	}
	return err
}

func (a *Agent) newGuard(m *member) (_ *guard, err error) {
	inRead, inWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer inRead.Close()
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		inWrite.Close()
		return nil, err
	}
	defer outWrite.Close()
	whom, err := m.reach.pausing()
	if err != nil {
		return nil, err
	}
	cmd := a.Config.Guard
	cmd.Env = append(cmd.Env[:len(cmd.Env):len(cmd.Env)], GuardVariable+"="+whom)
	cmd.Stdin, cmd.Stdout = inRead, outWrite
	c, err := child.Start(context.Background(), cmd, child.Spec{Session: true, Orphans: a.orphans})
	if err != nil {
		inWrite.Close()
		outRead.Close()
		return nil, err
	}
	a.help(c.PID(), true)
	g := &guard{child: c, in: inWrite, out: bufio.NewReader(outRead), since: time.Now(), done: make(chan struct{})}
	return g, nil
}

// guarded waits for the end of a guard, and resumes the member in its stead.
func (a *Agent) guarded(m *member, g *guard) {
	_, _ = g.child.Reap()
	a.help(g.child.PID(), false)
	g.child.Close()
	g.in.Close()
	a.mu.Lock()
	if m.guard == g {
		m.guard = nil
	}
	a.mu.Unlock()
	_ = m.reach.resume()
	close(g.done)
}

// Resume ends a pause.
func (a *Agent) Resume() error {
	a.order.Lock()
	defer a.order.Unlock()
	a.mu.Lock()
	m := a.member
	a.mu.Unlock()
	if m == nil {
		return refuse(409, "there is no process to resume")
	}
	return a.resume(m)
}

func (a *Agent) resume(m *member) error {
	a.mu.Lock()
	g := m.guard
	a.mu.Unlock()
	if g != nil {
		g.end()
		<-g.done
	}
	// also what somebody else has stopped
	if err := m.reach.resume(); !errors.Is(err, proc.ErrNotFound) {
		return err
	}
	return nil
}
