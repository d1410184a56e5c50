package applets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"pidbox/lib/applet"
	"pidbox/lib/duration"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
)

// answer is what is known of one pidfile, or one process.
type answer struct {
	File   string        `json:"file,omitempty"`
	Status applet.Status `json:"status"`
	State  string        `json:"state"`
	PID    int           `json:"pid,omitempty"`
	Why    string        `json:"why"`
	Proof  string        `json:"proof,omitempty"`
	Record string        `json:"record,omitempty"`
	err    error         // what made it impossible to tell
}

// ask judges a file, or --pid, and with --wait-exit waits for the end.
func (o *pidAliveOptions) ask(file string) answer {
	a := answer{File: file, Status: applet.Unsafe, State: "unknown", PID: o.pid}
	var p *proc.Handle
	if file == "" {
		p = a.process(o.rules.Match)
	} else {
		h, err := pidfile.Read(file, o.rules)
		if err != nil {
			a.fail(err)
			return a
		}
		defer h.Close()
		a.judge(h)
		p = h.Process
	}
	if o.limit == nil || a.err != nil {
		return a
	}
	if a.Status == applet.OK {
		switch err := p.Wait(o.until); {
		case errors.Is(err, context.DeadlineExceeded):
			a.Status, a.Why = applet.TimedOut, fmt.Sprintf("process %d is still running after %s", a.PID, duration.Format(*o.limit))
			return a
		case err != nil:
			a.fail(err)
			return a
		}
		a.State, a.Why = pidfile.Stale.String(), fmt.Sprintf("process %d has ended", a.PID)
	}
	a.Status = applet.OK
	return a
}

func (a *answer) fail(err error) {
	a.Status, a.State, a.Why, a.err = applet.Unsafe, "unknown", err.Error(), err
}

// judge gives a pidfile its LSB status.
func (a *answer) judge(h *pidfile.Holder) {
	a.State, a.PID, a.Why = h.State.String(), h.PID, h.Why
	if h.PID != 0 {
		a.Proof = h.Proof.String()
	}
	if h.Recorded != nil {
		a.Record = h.Recorded.String()
	}
	live, err := h.Live()
	switch {
	case err != nil:
		a.err = err
	case live != nil:
		a.Status = applet.OK
	case h.State == pidfile.Absent:
		a.Status = applet.Absent
	default:
		a.Status = applet.No
	}
}

// process judges --pid. The handle stays open to the end of the program.
func (a *answer) process(match proc.Conditions) *proc.Handle {
	a.Status, a.State, a.Why = applet.Absent, "dead", fmt.Sprintf("there is no process %d", a.PID)
	p, err := proc.Open(a.PID)
	var alive, meets bool
	var why string
	if err == nil {
		alive, err = p.Alive()
	}
	if err == nil && alive {
		meets, why, err = p.Meets(match)
	}
	switch {
	case errors.Is(err, proc.ErrNotFound):
	case err != nil:
		a.fail(err)
	case !alive:
		a.Why = fmt.Sprintf("process %d is a zombie: it has ended, and its parent has not noticed", a.PID)
	case !meets:
		a.Why = fmt.Sprintf("process %d is not the one meant: %s", a.PID, why)
	default:
		a.Status, a.State, a.Why = applet.OK, pidfile.Running.String(), fmt.Sprintf("process %d is running", a.PID)
	}
	return p
}

// tell writes the answer: data to standard output if it was asked for, and to standard error what is not as hoped.
// The last word on a single one is the error that is returned, with its status.
func (o *pidAliveOptions) tell(c *applet.Call, a answer) error {
	single, running := len(o.files) == 1, a.State == pidfile.Running.String()
	var err error
	switch {
	case o.json:
		line, _ := json.Marshal(a) // of plain fields: cannot fail
		_, err = fmt.Fprintf(c.Stdout, "%s\n", line)
		return err
	case o.print && running && single:
		_, err = fmt.Fprintln(c.Stdout, a.PID)
	case o.print && running:
		_, err = fmt.Fprintf(c.Stdout, "%s: %d\n", applet.Line(a.File), a.PID)
	}
	said := a.err
	if said == nil && a.File != "" {
		said = fmt.Errorf("%s: %s", a.File, a.Why)
	} else if said == nil {
		said = errors.New(a.Why)
	}
	if o.explain && a.Proof != "" {
		said = fmt.Errorf("%w (%s)", said, a.Proof)
	}
	no := a.Status == applet.No || a.Status == applet.Absent
	switch {
	case err != nil:
		return err
	case single && a.Status != applet.OK && !(o.explain && no): // which --quiet would silence
		return &applet.Error{Status: a.Status, Err: said}
	case o.explain || a.Status == applet.Unsafe || a.Status == applet.TimedOut || !single && !c.Quiet:
		c.Say("%v", said)
	}
	return nil
}
