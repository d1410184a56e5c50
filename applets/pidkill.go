package applets

import (
	"syscall"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
)

type pidKillOptions struct {
	file                 string
	rules                pidfile.Rules
	schedule             signals.Schedule
	retry                bool // the schedule was given
	signal               syscall.Signal
	grace                *time.Duration
	stacks               *time.Duration
	budget               *time.Duration
	group, session, tree bool
	scope                proc.Scope // what these come to
	strict, keep, noWait bool
	dryRun               bool
	began                time.Time
}

// pidKill ends the process that a pidfile names, sees that it is gone, and removes the file. It signals that very
// process, through a descriptor on which its identity was checked, or nobody. A process that sleeps in the kernel
// (state D) cannot be ended by anyone.
func pidKill() *applet.Applet {
	o := &pidKillOptions{schedule: signals.Default(), began: time.Now()}
	return &applet.Applet{
		Name:     "pid-kill",
		Summary:  "stop the process that a pidfile names, and see that it is gone",
		Synopsis: []string{"-p FILE [--grace D] [--retry SCHEDULE] [--show-stacks[=D]] [--group|--session|--tree] [--budget D]", "-p FILE --no-wait [--signal SIGNAL]"},
		Description: []string{
			"Sends TERM, waits up to 20 s for the end, sends KILL, and returns the moment the process is gone. Then the pidfile is removed. " +
				"If there is nothing to stop, that is success too, and a stale file is removed.",
			"SCHEDULE is signals and waits in turn, as TERM/20/QUIT/1/KILL/5; forever repeats what follows it, and a bare number N stands for TERM/N/KILL/N.",
			"With --group, --session or --tree the others are signalled along with the process, and all must be gone. " +
				"Of a process that has died and left others in its group or session, those are stopped if the pidfile's record proves that they are its own.",
		},
		Options: append([]applet.Option{
			pidfileOption(&o.file),
			applet.Parsed(&o.grace, "grace", "D", "how long the first signal has (default 20s)", parseDuration),
			applet.Set("retry", "SCHEDULE", "the signals and waits (default TERM/20/KILL/5)", func(s string) (err error) {
				o.retry = true
				o.schedule, err = signals.ParseSchedule(s)
				return err
			}),
			applet.Signal(&o.signal, "signal s", "SIGNAL", "the first signal"),
			applet.Optionally("show-stacks", "D", "send QUIT and wait D before KILL, so that a Go or Java program prints its stacks (default 1s)", "1s", func(s string) (err error) {
				o.stacks, err = parseDuration(s)
				return err
			}),
			applet.Parsed(&o.budget, "budget", "D", "shorten the waits so that everything ends within D, as before Monit's time limit", parseDuration),
			applet.Switch(&o.group, "group g", "stop the process group that the process leads"),
			applet.Switch(&o.session, "session", "stop the session that it leads"),
			applet.Switch(&o.tree, "tree", "stop it and its descendants"),
			applet.Switch(&o.noWait, "no-wait", "send the first signal and leave it at that, as for a reload; the pidfile stays"),
			applet.Switch(&o.strict, "strict", "if there is nothing to stop, that is status 1"),
			applet.Switch(&o.keep, "keep-pid-file", "never remove the pidfile"),
			applet.Switch(&o.dryRun, "dry-run n", "signal nobody, change and lock nothing; say what would be done, with the status it would have"),
		}, ruleOptions(&o.rules)...),
		Statuses: []applet.Item{
			{Name: "0", Text: "gone, and the pidfile removed; or there was nothing to stop"},
			{Name: "1", Text: "--strict: nothing to stop"},
			{Name: "2", Text: "alive after the whole schedule; the pidfile is kept"},
			{Name: "4", Text: "unsafe, or it cannot be told whom the file names: nobody was signalled; or no permission to signal, or at last to remove the pidfile"},
			{Name: "64", Text: "usage"},
			{Name: "75", Text: "gone, but the pidfile is locked by another program and could not be removed"},
			{Name: "125", Text: "own failure"},
			{Name: "128+n", Text: "ended by signal n while it waited; the pidfile is kept"},
		},
		Files: []applet.Item{{Name: "FILE", Text: "the pidfile; its extended attribute user.pidbox.claim has the record of the claim"}},
		Examples: []applet.Example{
			{Text: "Stop a server and its workers, within Monit's 30 seconds:", Lines: []string{"pid-kill -p /run/web.pid --group --show-stacks --budget 25"}},
			{Text: "Have it read its configuration again:", Lines: []string{"pid-kill -p /run/web.pid --no-wait --signal HUP"}},
		},
		Caveats: []string{
			"The process was opened before its identity was checked, and is signalled through that descriptor: if it ends meanwhile and its number is used again, the signal reaches nobody. Before Linux 5.3 there are no such descriptors, and a window of microseconds is left.",
			"A pidfile that was claimed in another PID namespace names nobody here: it is left alone, with status 0.",
			"The pidfile is removed only if it is unchanged under its locks; if somebody else has claimed it meanwhile, it is theirs.",
			"Without --group, --session or --tree the children of the process are not its concern.",
		},
		SeeAlso: []string{"pid-alive(1)", "pid-claim(1)", "start-stop-daemon(8)", "pidfd_send_signal(2)"},
		Run:     o.run,
	}
}

// check puts the schedule together from its parts.
func (o *pidKillOptions) check(c *applet.Call) error {
	if o.file == "" {
		return applet.Usage("no pidfile given (--pid-file FILE)")
	}
	if err := o.setScope(); err != nil {
		return err
	}
	switch {
	case o.retry && (o.grace != nil || o.signal != 0):
		return applet.Usage("--retry gives all signals and waits: it does not go with --grace or --signal")
	case o.budget != nil && *o.budget == 0:
		return applet.Usage("--budget: nothing can be stopped within no time")
	case o.signal != 0:
		o.schedule[0].Signal = o.signal
	}
	if o.grace != nil {
		o.schedule = o.schedule.WithGrace(*o.grace)
	}
	if o.stacks != nil {
		o.schedule = o.schedule.WithStacks(*o.stacks)
	}
	return c.NoOperands()
}

func (o *pidKillOptions) setScope() error {
	for _, given := range []struct {
		on    bool
		scope proc.Scope
	}{{o.group, proc.Group}, {o.session, proc.Session}, {o.tree, proc.Tree}} {
		if given.on && o.scope != proc.Process {
			return applet.Usage("more than one of --group, --session and --tree given")
		}
		if given.on {
			o.scope = given.scope
		}
	}
	return nil
}

func (o *pidKillOptions) run(c *applet.Call) error {
	if err := o.check(c); err != nil {
		return err
	}
	h, err := pidfile.Read(o.file, o.rules)
	if err != nil {
		return err
	}
	defer h.Close()
	t, err := o.target(h)
	switch {
	case err != nil:
		return err
	case o.dryRun:
		return o.rehearse(c, h, t)
	case t == nil:
		return o.nothing(c, h)
	}
	defer t.Close()
	if o.noWait {
		return o.signalOnce(c, t)
	}
	if err := o.stop(c, t); err != nil {
		return err
	}
	return o.release(c, h)
}
