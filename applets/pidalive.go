package applets

import (
	"context"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/pidfile"
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
			applet.Switch(&o.explain, "explain", "say in plain words, on standard error, why it is the one, or why not, and how that is known"),
			applet.Switch(&o.json, "json", "print a JSON object, a line a file: file, status, state, pid, why, proof, record"),
			applet.Parsed(&o.limit, "wait-exit", "D", "wait up to D until it is not running", parseDuration),
		}, ruleOptions(&o.rules)...),
		Statuses: []applet.Item{
			{Name: "0", Text: "running; with --wait-exit: not running"},
			{Name: "1", Text: "dead, and the pidfile exists"},
			{Name: "3", Text: "there is no pidfile, or with --pid no process"},
			{Name: "4", Text: "cannot tell: unsafe, no permission, garbage, or perhaps another process"},
			{Name: "64", Text: "usage"},
			{Name: "124", Text: "--wait-exit: still running"},
			{Name: "128+n", Text: "ended by signal n while it waited"},
		},
		Files: []applet.Item{{Name: "FILE", Text: "the pidfile; its extended attribute user.pidbox.claim has the record of the claim"}},
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
