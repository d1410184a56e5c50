package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/stop"
)

// Start runs the command, or that variant of it, unless it runs.
func (a *Agent) Start(o fault.Order) error {
	a.order.Lock()
	defer a.order.Unlock()
	return a.start(o.Variant)
}

// Stop ends the member by TERM, the grace, KILL, and has seen it dead. With a hold it is started again after that.
func (a *Agent) Stop(o fault.Order) error { return a.end(o, a.graceful(), fault.Stopped, nil) }

// Kill ends the member by KILL at once.
func (a *Agent) Kill(o fault.Order) error { return a.end(o, at("KILL/5"), fault.Stopped, nil) }

// Restart is Stop and Start.
func (a *Agent) Restart(o fault.Order) error {
	a.order.Lock()
	defer a.order.Unlock()
	if err := a.stop(a.graceful()); err != nil {
		return err
	}
	return a.start(o.Variant)
}

// Wipe stops the member and removes its data.
func (a *Agent) Wipe(o fault.Order) error {
	if a.root == nil {
		return refuse(501, "nothing to wipe: the agent has no directory")
	}
	return a.end(o, a.graceful(), fault.Wiped, a.wipe)
}

// Archive stops the member, by QUIT first if stacks are wanted, and moves its data and log to DIR/archive/TIME-N.
func (a *Agent) Archive(o fault.Order) error {
	if a.root == nil {
		return refuse(501, "nothing to archive: the agent has no directory")
	}
	if o.Hold != 0 {
		return refuse(400, "archive takes no hold")
	}
	a.order.Lock()
	defer a.order.Unlock()
	first := a.graceful()
	if o.Stacks {
		first = at("QUIT/" + a.Grace.String() + "/KILL/5")
	}
	if err := a.stop(first); err != nil {
		return err
	}
	if err := a.removeAll(fault.Fill); err != nil { // or there would be no place for the directory
		return err
	}
	to, err := a.moveAway()
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state, a.since, a.archive = fault.Wiped, time.Now(), to
	return nil
}

// end stops the member, does something then, and has it started again after the hold.
func (a *Agent) end(o fault.Order, by signals.Schedule, to fault.State, then func() error) error {
	if err := a.checkHold(o.Hold, false); err != nil {
		return err
	}
	if _, err := a.command(o.Variant); err != nil { // now, and not after the hold
		return err
	}
	a.order.Lock()
	defer a.order.Unlock()
	if err := a.stop(by); err != nil {
		return err
	}
	if then != nil {
		if err := then(); err != nil {
			return err
		}
	}
	if to == fault.Wiped {
		a.mu.Lock()
		a.state, a.since = fault.Wiped, time.Now()
		a.mu.Unlock()
	}
	if o.Hold > 0 {
		a.mu.Lock()
		a.again = time.AfterFunc(time.Duration(o.Hold), func() { a.startAgain(o) })
		a.mu.Unlock()
	}
	return nil
}

func (a *Agent) startAgain(o fault.Order) {
	if err := a.Start(o); err != nil {
		a.Log("start after the hold: %v", err)
	}
}

func (a *Agent) checkHold(hold fault.Duration, needed bool) error {
	switch {
	case needed && hold <= 0:
		return refuse(400, "a hold is needed")
	case time.Duration(hold) > a.MaxHold:
		return refuse(400, "hold of %v is above the longest of %v", hold, a.MaxHold)
	}
	return nil
}

func (a *Agent) graceful() signals.Schedule { return at("TERM/" + a.Grace.String() + "/KILL/5") }

func at(schedule string) signals.Schedule {
	s, err := signals.ParseSchedule(schedule)
	if err != nil {
		panic(err) // every caller's is right
	}
	return s
}

// finishBy runs the schedule on all processes of the member, and has seen them gone.
func (a *Agent) finishBy(m *member, by signals.Schedule) error {
	m.ending.Lock()
	defer m.ending.Unlock()
	if a.Attach != nil {
		return a.stopAttached(m, by)
	}
	_, err := stop.Run(context.Background(), m.reach, by, nil)
	return err
}

// stop ends the processes of the member.
func (a *Agent) stop(by signals.Schedule) error {
	a.mu.Lock()
	if a.again != nil {
		a.again.Stop()
		a.again = nil
	}
	m := a.member
	if m != nil {
		m.expected = true
	}
	a.mu.Unlock()
	if m == nil {
		return nil
	}
	if err := a.resume(m); err != nil { // or it could not answer TERM
		return err
	}
	if err := a.finishBy(m, by); err != nil && !errors.Is(err, proc.ErrNotFound) {
		a.mu.Lock()
		m.expected = false
		a.mu.Unlock()
		return fmt.Errorf("stop process %d: %w", m.PID(), err)
	}
	<-m.recorded
	return nil
}
