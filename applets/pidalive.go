//go:build !pidbox_some || applet_pid_alive

package applets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/pidfile"
)

type pidAliveOptions struct {
	files                []string
	rules                pidfile.Rules
	pids                 []processID
	print, json, explain bool
	id                   bool // print PID:INODE
	exitCode, any        bool
	limit                time.Duration
	waits                bool            // for the exit, up to limit
	until                context.Context // of --wait-exit
	reader               pidfile.Reader
}

// pidAlive answers whether the process that a pidfile names is alive: that very process, not one that has its PID now.
// The answer is true of the moment of the look, except with --wait-exit, where a 0 stays true.
func pidAlive() *applet.Applet {
	o := &pidAliveOptions{}
	return &applet.Applet{
		Name:    "pid-alive",
		Summary: "report whether the process that a pidfile names is alive",
		Synopsis: []string{
			"[-p] FILE... [--print[=id]|--json|--explain] [--wait-exit D [--exit-code] [--any]]",
			"--pid PID[:INODE]... [--print[=id]|--json|--explain] [--wait-exit D [--exit-code] [--any]]",
		},
		Description: `
			Answers by its exit status, which is that of an LSB init script's status action.
			Of several files the highest status counts.
			A zombie has exited.
			A process of another user is alive even if it may not be signalled.
			The ID of a thread is not the PID of a process.

			With --wait-exit the question is the opposite one: 0 means that none is running any more, or with --any that one is not.
		`,
		Operands: applet.Operands{Option: "pid-file", Check: func(s string) error {
			if _, err := parseProcess(s); err == nil {
				return fmt.Errorf("write --pid %s for a process, or ./%s for a pidfile of that name", s, s)
			}
			if s == "status" {
				return errors.New("pid-alive always reports that; write ./status if a pidfile has that name")
			}
			return nil
		}},
		Options: append([]applet.Option{
			applet.Each(&o.files, "p pid-file pidfile", "FILE", "the pidfile", pidfileName).As(applet.File),
			applet.Each(&o.pids, "pid", "PID[:INODE]", "ask about this process instead of a pidfile's", parseProcess),
			applet.Optionally("print", "WHAT", "print the PID of a running process, or with --print=id PID:INODE, which no other process of "+
				"this boot has and which is accepted wherever a PID is; with several files, FILE: PID", "pid", o.printed),
			applet.Switch(&o.explain, "explain", "explain on standard error why it is the process meant, or why not, and by which proof"),
			applet.Switch(&o.json, "json", "print a JSON object, a line per file: file, status, state, pid, why, proof, record"),
			applet.Duration(&o.limit, "wait-exit", "D", "wait up to D until it is not running"),
			applet.Switch(&o.exitCode, "exit-code", "exit as the process did, with its status or 128 and its signal; 4 if that cannot be known"),
			applet.Switch(&o.any, "any", "wait until one of several is not running, and answer for that one"),
		}, ruleOptions(&o.rules)...),
		Exclusive: [][]string{{"pid-file", "pid"}, {"print", "json", "explain"}},
		Requires:  []applet.Need{{Option: "exit-code", OneOf: []string{"wait-exit"}}, {Option: "any", OneOf: []string{"wait-exit"}}},
		Statuses: []applet.Item{
			{Name: "0", Text: "running; with --wait-exit: not running"},
			{Name: "1", Text: "dead, and the pidfile exists"},
			{Name: "3", Text: "there is no pidfile, or with --pid no process"},
			{Name: "4", Text: "cannot tell: unsafe, not permitted, not a PID, or possibly another process"},
			{Name: "64", Text: "usage"},
			{Name: "124", Text: "--wait-exit: still running"},
			{Name: "128+n", Text: "killed by signal n while waiting"},
			{Name: "0-255", Text: "--exit-code: that of the process, or 128 and its signal"},
		},
		Files: []applet.Item{{Name: "FILE", Text: recordText}},
		Examples: []applet.Example{
			{Text: "The status action of an init script:", Lines: []string{"pid-alive -p /run/web.pid"}},
			{Text: "Why is it not the process meant?", Lines: []string{"pid-alive -p /run/web.pid --explain"}},
			{Text: "Wait up to a minute until it exits by itself:", Lines: []string{"pid-alive -p /run/web.pid --wait-exit 1m"}},
			{Text: "How did a process exit that is not a child of this shell?", Lines: []string{
				"pid-alive --pid 4711 --wait-exit 1h --exit-code",
			}},
		},
		Caveats: `
			It locks nothing and changes nothing; a claim in progress is seen either before or after.

			The process may exit right after the answer.

			Of a process that is not a child, Linux 6.15 and later tell the exit status, to whoever had begun to wait before the
			process was collected by its parent.
			Of a zombie it is also known, on every kernel, to root and to the user of the process.
			Else --exit-code is status 4, and the message says why: an older kernel, a process that had exited before, a parent that
			does not collect it within three seconds.
			A process that exits with 4 or 124 looks the same; there is a message then only if it is the answer of pid-alive.


			The proofs of --explain are, from the best: bound by the kernel, where a privileged claim has written FILE's directory
			and name on the process itself (Linux 6.18); record (pidfs inode), which is never used twice in a boot (Linux 6.9);
			record (start time), to 10 ms; and no record, by PID and times alone.
		` + believed,
		SeeAlso: []string{"pidbox-json(5)", "pidbox-pidfile(7)", "pid-claim(1)", "pid-kill(1)", "wait-healthy(1)"},
		Failure: applet.Unsafe,
		Run:     o.run,
	}
}

func (o *pidAliveOptions) check(c *applet.Call) error {
	if len(o.files) == 0 && len(o.pids) == 0 {
		return applet.Usage("no pidfile (--pid-file FILE) and no process (--pid PID) given")
	}
	o.waits = c.Given("wait-exit")
	if o.exitCode && !o.any && len(o.files)+len(o.pids) > 1 {
		return applet.Usage("--exit-code is that of one process; for the first of several that exits, add --any")
	}
	return nil
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
	if o.any {
		return o.first(c)
	}
	defer o.reader.Close()
	o.reader.Rules = o.rules
	worst := applet.OK
	for _, t := range o.targets() {
		shown := o.progress(c, t.name())
		a := o.ask(t)
		shown.Clear()
		worst = max(worst, a.Status)
		if err := o.tell(c, a); err != nil {
			return err
		}
	}
	return applet.Exit(worst)
}

func (o *pidAliveOptions) printed(what string) error {
	switch what {
	case "pid":
	case "id":
		o.id = true
	default:
		return fmt.Errorf("%q is neither pid nor id", what)
	}
	o.print = true
	return nil
}

// target is a pidfile, or a process.
type target struct {
	file string
	id   processID
}

func (t target) name() string {
	if t.file == "" {
		return fmt.Sprintf("process %d", t.id.pid)
	}
	return "the process of " + t.file
}

func (o *pidAliveOptions) targets() (all []target) {
	for _, file := range o.files {
		all = append(all, target{file: file})
	}
	for _, id := range o.pids {
		all = append(all, target{id: id})
	}
	return all
}

// first asks about all at once, and answers for the first of which there is an answer.
func (o *pidAliveOptions) first(c *applet.Call) error {
	targets := o.targets()
	until, cancel := context.WithCancel(o.until)
	defer cancel()
	o.until = until
	shown := o.progress(c, fmt.Sprintf("one of %d processes", len(targets)))
	answers := make(chan answer, len(targets))
	for _, t := range targets {
		go func() { answers <- o.ask(t) }()
	}
	a := <-answers
	shown.Clear()
	return o.tell(c, a)
}

// progress is of a wait for the end of what; any other question is answered at once.
func (o *pidAliveOptions) progress(c *applet.Call, what string) *applet.Progress {
	if !o.waits {
		return nil
	}
	return c.Progress(o.limit, "waiting for %s to exit", what)
}
