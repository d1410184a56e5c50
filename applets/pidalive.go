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
	limit                time.Duration
	waits                bool            // for the exit, up to limit
	until                context.Context // of --wait-exit
}

// pidAlive answers whether the process that a pidfile names is alive: that very process, not one that has its PID now.
// The answer is true of the moment of the look, except with --wait-exit, where a 0 stays true.
func pidAlive() *applet.Applet {
	o := &pidAliveOptions{}
	return &applet.Applet{
		Name:     "pid-alive",
		Summary:  "report whether the process that a pidfile names is alive",
		Synopsis: []string{"-p FILE... [--print|--json|--explain] [--wait-exit D]", "--pid PID [--print|--json|--explain] [--wait-exit D]"},
		Description: `
			Answers by its exit status, which is that of an LSB init script's status action.
			Of several files the highest status counts.
			A zombie has exited.
			A process of another user is alive even if it may not be signalled.
			The ID of a thread is not the PID of a process.

			With --wait-exit the question is the opposite one: 0 means that none is running any more.
		`,
		Options: append([]applet.Option{
			applet.Each(&o.files, "p pid-file pidfile", "FILE", "the pidfile", pidfileName).As(applet.File),
			applet.Parsed(&o.pid, "pid", "PID", "ask about this process instead of a pidfile's", applet.PID),
			applet.Switch(&o.print, "print", "print the PID of a running process; with several files, FILE: PID"),
			applet.Switch(&o.explain, "explain", "explain on standard error why it is the process meant, or why not, and by which proof"),
			applet.Switch(&o.json, "json", "print a JSON object, a line per file: file, status, state, pid, why, proof, record"),
			applet.Duration(&o.limit, "wait-exit", "D", "wait up to D until it is not running"),
		}, ruleOptions(&o.rules)...),
		Exclusive: [][]string{{"pid-file", "pid"}, {"print", "json", "explain"}},
		Statuses: []applet.Item{
			{Name: "0", Text: "running; with --wait-exit: not running"},
			{Name: "1", Text: "dead, and the pidfile exists"},
			{Name: "3", Text: "there is no pidfile, or with --pid no process"},
			{Name: "4", Text: "cannot tell: unsafe, not permitted, not a PID, or possibly another process"},
			{Name: "64", Text: "usage"},
			{Name: "124", Text: "--wait-exit: still running"},
			{Name: "128+n", Text: "killed by signal n while waiting"},
		},
		Files: []applet.Item{{Name: "FILE", Text: recordText}},
		Examples: []applet.Example{
			{Text: "The status action of an init script:", Lines: []string{"pid-alive -p /run/web.pid"}},
			{Text: "Why is it not the process meant?", Lines: []string{"pid-alive -p /run/web.pid --explain"}},
			{Text: "Wait up to a minute until it exits by itself:", Lines: []string{"pid-alive -p /run/web.pid --wait-exit 1m"}},
		},
		Caveats: `
			It locks nothing and changes nothing; a claim in progress is seen either before or after.

			The process may exit right after the answer.

			The proofs of --explain are, from the best: bound by the kernel, where a privileged claim has written FILE's directory
			and name on the process itself (Linux 6.18); record (pidfs inode), which is never used twice in a boot (Linux 6.9);
			record (start time), to 10 ms; and no record, by PID and times alone.
		` + believed,
		SeeAlso: []string{"pid-claim(1)", "pid-kill(1)", "wait-healthy(1)"},
		Failure: applet.Unsafe,
		Run:     o.run,
	}
}

func (o *pidAliveOptions) check(c *applet.Call) error {
	if len(o.files) == 0 && o.pid == 0 {
		return applet.Usage("no pidfile (--pid-file FILE) and no process (--pid PID) given")
	}
	o.waits = c.Given("wait-exit")
	return c.NoOperands()
}

func (o *pidAliveOptions) run(c *applet.Call) error {
	if err := o.check(c); err != nil {
		return err
	}
	o.until = context.Background()
	if o.waits {
		until, cancel := context.WithTimeout(o.until, o.limit)
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
