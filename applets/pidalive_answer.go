//go:build !pidbox_some || applet_pid_alive

package applets

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/duration"
	"pidbox/lib/jsonline"
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
	ID     string        `json:"id,omitempty"`   // PID:INODE
	Exit   *ending       `json:"exit,omitempty"` // how it exited, where that is known
	err    error         // what made it impossible to tell
}

func (a answer) object() *jsonline.Object {
	o := new(jsonline.Object).Some("file", a.File).Field("status", int(a.Status)).Field("state", a.State).Some("pid", a.PID)
	o.Field("why", a.Why).Some("proof", a.Proof).Some("record", a.Record).Some("id", a.ID)
	if a.Exit != nil {
		o.Field("exit", a.Exit.object())
	}
	return o
}

// ask judges a file, or --pid, and with --wait-exit waits for the end.
func (o *pidAliveOptions) ask(t target) answer {
	a := answer{File: t.file, Status: applet.Unsafe, State: "unknown", PID: t.id.pid}
	var p *proc.Handle
	if t.file == "" {
		p = a.process(t.id, o.rules.Match)
	} else {
		h, err := o.read(t.file)
		if err != nil {
			a.fail(err)
			return a
		}
		defer h.Close()
		a.judge(h)
		p = h.Process
	}
	if a.Status == applet.OK && (o.id || o.json) {
		a.identify(p, o.id)
	}
	if !o.waits || a.err != nil {
		return a
	}
	if a.Status == applet.OK {
		return o.await(a, p)
	}
	if o.exitCode {
		o.untold(&a, p)
		return a
	}
	a.Status = applet.OK
	return a
}

// read goes the whole way to a file that is looked at after a wait.
func (o *pidAliveOptions) read(file string) (*pidfile.Holder, error) {
	if o.waits {
		return pidfile.Read(file, o.rules)
	}
	return o.reader.Read(file)
}

// identify adds what no other process has.
func (a *answer) identify(p *proc.Handle, must bool) {
	inode, err := p.Inode()
	switch {
	case err == nil:
		a.ID = fmt.Sprintf("%d:%d", a.PID, inode)
	case must:
		a.fail(err)
	}
}

// untold answers --exit-code for a process that was not alive when it was looked at: it may be a zombie.
func (o *pidAliveOptions) untold(a *answer, p *proc.Handle) {
	if p == nil {
		a.fail(fmt.Errorf("%s: its exit status is unknown because it had exited before", a.Why))
		return
	}
	*a = o.ended(*a, p)
}

// await waits for the end of a process that is alive.
func (o *pidAliveOptions) await(a answer, p *proc.Handle) answer {
	switch err := p.Wait(o.until); {
	case errors.Is(err, context.DeadlineExceeded):
		a.Status, a.Why = applet.TimedOut, fmt.Sprintf("process %d is still running after %s", a.PID, duration.Format(o.limit))
		return a
	case err != nil:
		a.fail(err)
		return a
	}
	a.State, a.Why = pidfile.Stale.String(), fmt.Sprintf("process %d has exited", a.PID)
	if o.exitCode || o.json || o.explain {
		return o.ended(a, p)
	}
	a.Status = applet.OK
	return a
}

// ended adds how a process exited. Only --exit-code is about that.
func (o *pidAliveOptions) ended(a answer, p *proc.Handle) answer {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	if !o.exitCode { // then it is no more than welcome
		ctx, cancel = context.WithTimeout(context.Background(), 10*time.Millisecond)
	}
	defer cancel()
	end, err := p.Ending(ctx)
	if err != nil && o.exitCode {
		a.fail(err)
		return a
	}
	a.Status = applet.OK
	if err != nil {
		a.Why = err.Error()
		return a
	}
	a.Exit, a.Why = told(end), fmt.Sprintf("process %d has exited: %s", a.PID, end)
	if o.exitCode {
		a.Status = exitAs(end)
	}
	return a
}

// exitAs is the exit status that stands for how another process ended.
func exitAs(e proc.Ending) applet.Status {
	if e.Signal != 0 {
		return applet.Status(128 + e.Signal)
	}
	return applet.Status(e.Code)
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
func (a *answer) process(id processID, match proc.Conditions) *proc.Handle {
	a.Status, a.State, a.Why = applet.Absent, "dead", fmt.Sprintf("there is no process %d", a.PID)
	p, err := id.open()
	var alive, meets bool
	var why string
	if err == nil {
		alive, err = p.Alive()
	}
	if err == nil && alive {
		meets, why, err = p.Meets(match)
	}
	switch {
	case errors.Is(err, proc.ErrNotFound) && id.inode != 0:
		a.Why = err.Error()
	case errors.Is(err, proc.ErrNotFound):
	case err != nil:
		a.fail(err)
	case !alive:
		a.Why = fmt.Sprintf("process %d is a zombie: it has exited, and its parent has not collected it", a.PID)
	case !meets:
		a.Why = fmt.Sprintf("process %d is not the one meant: %s", a.PID, why)
		return nil
	default:
		a.Status, a.State, a.Why = applet.OK, pidfile.Running.String(), fmt.Sprintf("process %d is running", a.PID)
	}
	return p
}

// tell writes the answer: data to standard output if it was asked for, and to standard error what is not as hoped.
// The last word on a single one is the error that is returned, with its status.
func (o *pidAliveOptions) tell(c *applet.Call, a answer) error {
	single, running := o.any || len(o.files)+len(o.pids) == 1, a.State == pidfile.Running.String()
	var err error
	switch {
	case o.json:
		_, err = fmt.Fprintln(c.Stdout, a.object())
		return err
	case !o.print || !running:
	case single || a.File == "":
		_, err = fmt.Fprintln(c.Stdout, o.shown(a))
	default:
		_, err = fmt.Fprintf(c.Stdout, "%s: %s\n", applet.Line(a.File), o.shown(a))
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
	case a.Exit != nil && o.exitCode && !o.explain:
		return applet.Exit(a.Status)
	case single && a.Status != applet.OK && !(o.explain && no): // which --quiet would silence
		return &applet.Error{Status: a.Status, Err: said}
	case o.explain || a.Status == applet.Unsafe || a.Status == applet.TimedOut || !single && !c.Quiet:
		c.Say("%v", said)
	}
	return nil
}

// shown is what --print prints.
func (o *pidAliveOptions) shown(a answer) string {
	if o.id {
		return a.ID
	}
	return strconv.Itoa(a.PID)
}
