package applets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/duration"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
)

type pidAliveOptions struct {
	files                []string
	rules                pidfile.Rules
	pid                  int
	print, json, explain bool
	limit                *time.Duration
	until                context.Context // of --wait-exit
}

// pidAlive answers whether the process that a pidfile names lives: that very process, not one that has its number
// now. The answer is as of the moment of the look, except with --wait-exit, where a 0 stays true.
func pidAlive() *applet.Applet {
	o := &pidAliveOptions{}
	return &applet.Applet{
		Name:     "pid-alive",
		Summary:  "tell whether the process that a pidfile names is alive",
		Synopsis: []string{"-p FILE... [--print|--json|--explain] [--wait-exit D]", "--pid PID [--print|--json|--explain] [--wait-exit D]"},
		Description: []string{
			"Answers by its exit status, which is that of an LSB init script's status. Of several files the highest status counts.",
			"A zombie has ended. A process of another user is alive though it may not be signalled. A thread's number names no process.",
			"With --wait-exit the question is the opposite one: 0 means that none is running any more.",
		},
		Options: append([]applet.Option{
			pidfilesOption(&o.files),
			applet.Parsed(&o.pid, "pid", "PID", "ask for this process instead of a pidfile's", parsePID),
			applet.Switch(&o.print, "print", "print the number of a process that runs; with several files, FILE: PID"),
			applet.Switch(&o.explain, "explain", "say in plain words, on standard error, why it is the one, or why not"),
			applet.Switch(&o.json, "json", "print a JSON object, a line a file: file, status, state, pid, why, record"),
			applet.Parsed(&o.limit, "wait-exit", "D", "wait up to D until it is not running", parseDuration),
		}, ruleOptions(&o.rules)...),
		Statuses: []applet.Item{
			{Name: "0", Text: "running; with --wait-exit: not running"},
			{Name: "1", Text: "dead, and the pidfile exists"},
			{Name: "3", Text: "there is no pidfile, or with --pid no process"},
			{Name: "4", Text: "cannot tell: unsafe, no permission, garbage, or perhaps another process"},
			{Name: "64", Text: "usage"},
			{Name: "124", Text: "--wait-exit: still running"},
		},
		Examples: []applet.Example{
			{Text: "The status action of an init script:", Lines: []string{"pid-alive -p /run/web.pid"}},
			{Text: "Why is it not the one?", Lines: []string{"pid-alive -p /run/web.pid --explain"}},
			{Text: "Wait up to a minute for it to end by itself:", Lines: []string{"pid-alive -p /run/web.pid --wait-exit 1m"}},
		},
		Caveats: []string{
			"It locks nothing and changes nothing; a claim that is going on is seen either before or after.",
			"The process may end right after the answer.",
		},
		SeeAlso: []string{"pid-claim(1)", "pid-kill(1)", "wait-healthy(1)"},
		Failure: applet.Unsafe,
		Run:     o.run,
	}
}

// pidfilesOption is the pidfiles of an applet that takes several.
func pidfilesOption(to *[]string) applet.Option {
	o := applet.Set("p pid-file pidfile", "FILE", "the pidfile", func(s string) error {
		*to = append(*to, s)
		return pidfileName(s)
	}).As(applet.File)
	o.Repeat = true
	return o
}

func (o *pidAliveOptions) check(c *applet.Call) error {
	modes := 0
	for _, on := range []bool{o.print, o.json, o.explain} {
		if on {
			modes++
		}
	}
	switch {
	case len(o.files) == 0 && o.pid == 0:
		return applet.Usage("neither a pidfile (--pid-file FILE) nor a process (--pid PID) given")
	case len(o.files) > 0 && o.pid != 0:
		return applet.Usage("both a pidfile and --pid %d given", o.pid)
	case modes > 1:
		return applet.Usage("more than one of --print, --json and --explain given")
	}
	return c.NoOperands()
}

// answer is what is known of one pidfile, or one process.
type answer struct {
	File   string        `json:"file,omitempty"`
	Status applet.Status `json:"status"`
	State  string        `json:"state"`
	PID    int           `json:"pid,omitempty"`
	Why    string        `json:"why"`
	Record string        `json:"record,omitempty"`
	err    error         // what made it impossible to tell
}

func (o *pidAliveOptions) run(c *applet.Call) error {
	if err := o.check(c); err != nil {
		return err
	}
	o.until = context.Background()
	if o.limit != nil {
		until, cancel := context.WithTimeout(o.until, *o.limit)
		defer cancel()
		o.until = until
	}
	if o.pid != 0 {
		o.files = []string{""}
	}
	worst := applet.OK
	for _, file := range o.files {
		a := o.ask(file)
		worst = max(worst, a.Status)
		if err := o.tell(c, a); err != nil {
			return err
		}
	}
	return applet.Exit(worst)
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
	if h.Recorded != nil {
		a.Record = h.Recorded.String()
	}
	switch h.State {
	case pidfile.Running:
		a.Status = applet.OK
	case pidfile.Absent:
		a.Status = applet.Absent
	case pidfile.Doubtful:
		a.err = &pidfile.DoubtError{Holder: h}
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
