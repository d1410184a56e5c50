package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"pidbox/lib/duration"
	"pidbox/lib/fault"
	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

// GuardVariable is the environment variable that holds the identity of the process that a guard pauses.
const GuardVariable = "PIDBOX_FAULT_GUARD"

// Guard pauses the process of that identity, and all of its session, and resumes them when the hold is over, when
// stdin ends because the agent has, or on TERM, INT or HUP. The hold is the first line of stdin, each further line
// is a new one from then on. It runs in a process and a session of its own: the stopping and the promise to
// continue are in the same hands, and these outlive a killed agent.
//
// Its limit: if it is killed itself, the agent resumes the member; if both are killed in the same moment, the next
// agent does.
func Guard(identity string, stdin io.Reader, stdout io.Writer) error {
	ask := make(chan os.Signal, 1)
	signal.Notify(ask, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	recorded, err := proc.ParseIdentity(identity)
	if err != nil {
		return fmt.Errorf("identity of the member: %w", err)
	}
	h, err := proc.Open(recorded.PID)
	if err != nil {
		return err
	}
	defer h.Close()
	if now, err := h.Identity(); err != nil || recorded.Compare(now) != proc.Same {
		return fmt.Errorf("process %d is not the member: %w", recorded.PID, errors.Join(err, proc.ErrNotFound))
	}
	holds := make(chan time.Duration)
	go func() {
		defer close(holds)
		for lines := bufio.NewScanner(stdin); lines.Scan(); {
			hold, err := duration.Parse(lines.Text())
			if err != nil {
				return
			}
			holds <- hold
		}
	}()
	hold, ok := <-holds
	if !ok {
		return errors.New("no hold was given")
	}
	all, err := family(h)
	if err != nil {
		return err
	}
	defer all.Close()
	over := time.NewTimer(hold)
	defer func() { _ = all.Signal(syscall.SIGCONT) }()
	if err := all.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	if err := settle(h); err != nil {
		return err
	}
	fmt.Fprintln(stdout, "paused")
	for {
		select {
		case hold, ok := <-holds:
			if !ok {
				return nil
			}
			over.Reset(hold)
			fmt.Fprintln(stdout, "paused")
		case <-over.C:
			return nil
		case <-ask:
			return nil
		case <-h.Done():
			return nil
		}
	}
}

// settle waits until a stopped process shows it: the last of its threads may be in the kernel for a moment.
func settle(h *proc.Handle) error {
	for range 10000 {
		if s, err := h.State(); err != nil || s == 'T' || s == 'Z' {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("the process did not stop within 10s")
}

// guard is the agent's end of it.
type guard struct {
	child *spawn.Process
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
	g, err := a.newGuard(m)
	if err != nil {
		return fmt.Errorf("start the guard of a pause: %w", err)
	}
	a.mu.Lock()
	m.guard = g
	a.mu.Unlock()
	go a.guarded(m, g)
	if err := g.hold(o.Hold); err != nil {
		g.end()
		return fmt.Errorf("pause process %d: %w", m.handle.PID(), err)
	}
	return nil
}

func (g *guard) hold(d fault.Duration) error {
	if _, err := fmt.Fprintln(g.in, d); err != nil {
		return err
	}
	_, err := g.out.ReadString('\n')
	if errors.Is(err, io.EOF) {
		return errors.New("the guard ended")
	}
	return err
}

func (a *Agent) newGuard(m *member) (_ *guard, err error) {
	id, err := m.handle.Identity()
	if err != nil {
		return nil, err
	}
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
	cmd := a.Config.Guard
	cmd.Env = append(cmd.Env[:len(cmd.Env):len(cmd.Env)], GuardVariable+"="+id.String())
	cmd.Stdin, cmd.Stdout = inRead, outWrite
	child, err := spawn.Start(cmd, true)
	if err == nil {
		if err = child.Go(); err != nil {
			child.Close()
		}
	}
	if err != nil {
		inWrite.Close()
		outRead.Close()
		return nil, err
	}
	g := &guard{child: child, in: inWrite, out: bufio.NewReader(outRead), since: time.Now(), done: make(chan struct{})}
	return g, nil
}

// guarded waits for the end of a guard, and resumes the member in its stead.
func (a *Agent) guarded(m *member, g *guard) {
	_, _ = g.child.Wait(context.Background())
	g.child.Close()
	g.in.Close()
	a.mu.Lock()
	if m.guard == g {
		m.guard = nil
	}
	a.mu.Unlock()
	_ = m.signal(syscall.SIGCONT)
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
	if err := m.signal(syscall.SIGCONT); !errors.Is(err, proc.ErrNotFound) {
		return err
	}
	return nil
}
