package applets

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/duration"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/stop"
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
			applet.Parsed(&o.grace, "grace", "D", "how long the first signal has; otherwise 20s", parseDuration),
			applet.Set("retry", "SCHEDULE", "the signals and waits; otherwise TERM/20/KILL/5", func(s string) (err error) {
				o.retry = true
				o.schedule, err = signals.ParseSchedule(s)
				return err
			}),
			applet.Signal(&o.signal, "signal s", "SIGNAL", "the first signal"),
			applet.Optionally("show-stacks", "D", "send QUIT and wait D before KILL, so that a Go or Java program prints its stacks; otherwise 1s", "1s", func(s string) (err error) {
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
			applet.Switch(&o.dryRun, "dry-run n", "signal nobody and change nothing; say what would be done, with the status it would have"),
		}, ruleOptions(&o.rules)...),
		Statuses: []applet.Item{
			{Name: "0", Text: "gone, and the pidfile removed; or there was nothing to stop"},
			{Name: "1", Text: "--strict: nothing to stop"},
			{Name: "2", Text: "alive after the whole schedule; the pidfile is kept"},
			{Name: "4", Text: "unsafe, no permission, or it cannot be told whom the file names; nobody was signalled"},
			{Name: "64", Text: "usage"},
			{Name: "75", Text: "gone, but the pidfile is locked by another program and could not be removed"},
			{Name: "125", Text: "own failure"},
		},
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
	if _, err := o.scope(); err != nil {
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

func (o *pidKillOptions) scope() (proc.Scope, error) {
	scope := proc.Process
	for _, given := range []struct {
		on    bool
		scope proc.Scope
	}{{o.group, proc.Group}, {o.session, proc.Session}, {o.tree, proc.Tree}} {
		if given.on && scope != proc.Process {
			return 0, applet.Usage("more than one of --group, --session and --tree given")
		}
		if given.on {
			scope = given.scope
		}
	}
	return scope, nil
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
		c.Tell("sending %s to %s", signals.Name(o.schedule[0].Signal), t.name)
		if err := t.Signal(o.schedule[0].Signal); err != nil && !errors.Is(err, proc.ErrNotFound) {
			return fmt.Errorf("%s: %w", o.file, err)
		}
		return nil
	}
	if err := o.stop(c, h, t); err != nil {
		return err
	}
	return o.release(c, h)
}

// victim is whom to stop: one process, or those in a scope of it.
type victim struct {
	stop.Target
	family *proc.Family // nil for one process
	leader *proc.Handle // nil when only orphans are left
	name   string       // "process 4711", for messages
	Close  func() error
}

// target is whom the pidfile names, nil for nobody.
func (o *pidKillOptions) target(h *pidfile.Holder) (*victim, error) {
	scope, _ := o.scope()
	name := fmt.Sprintf("%s %d", scope, h.PID)
	switch {
	case h.State == pidfile.Doubtful:
		return nil, &pidfile.DoubtError{Holder: h}
	case h.State == pidfile.Running && scope == proc.Process:
		return &victim{h.Process, nil, h.Process, name, func() error { return nil }}, nil
	case h.State == pidfile.Running:
		f, err := h.Process.Family(scope)
		if err == nil {
			return &victim{f, f, h.Process, name, f.Close}, nil
		}
		if !errors.Is(err, proc.ErrNotFound) {
			return nil, fmt.Errorf("%s: %w", o.file, err)
		}
	case h.State != pidfile.Stale || scope == proc.Process:
		return nil, nil
	}
	f, err := orphans(h, scope)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.file, err)
	}
	if f == nil {
		return nil, nil
	}
	return &victim{f, f, nil, "what is left of " + name, f.Close}, nil
}

// orphans are what a process that has ended left in its group or session, nil for nobody. Without a record there is
// no proof for any of them, and a live process with the number is proof that they are not its own.
func orphans(h *pidfile.Holder, scope proc.Scope) (*proc.Family, error) {
	was := proc.Identity{PID: h.PID}
	if h.Recorded != nil {
		was = *h.Recorded
	} else if p, err := proc.Open(h.PID); err == nil {
		p.Close()
		return nil, nil
	}
	f, err := proc.Orphans(was, scope)
	if errors.Is(err, proc.ErrNotFound) {
		return nil, nil
	}
	return f, err
}

// stop runs the schedule; nil says that all are gone.
func (o *pidKillOptions) stop(c *applet.Call, h *pidfile.Holder, t *victim) error {
	schedule := o.schedule
	if o.budget != nil { // less what was spent already, and a moment for the check and the pidfile
		schedule = schedule.Within(max(0, (*o.budget-time.Since(o.began))*49/50))
	}
	c.Tell("stopping %s by %s", t.name, schedule)
	out, err := stop.Run(context.Background(), t, schedule, func(s signals.Step) {
		c.Tell("sending %s, then waiting up to %s", signals.Name(s.Signal), duration.Format(s.Wait))
	})
	switch {
	case errors.Is(err, stop.ErrSurvived):
		return applet.Fail(applet.Survived, "%s: %s survived SIG%s", o.file, t.survivors(), signals.Name(out.Last))
	case err != nil:
		return fmt.Errorf("%s: %w", o.file, err)
	}
	c.Tell("%s is gone", t.name)
	return nil
}

// survivors names who is left, and of a single process the state, which may tell why.
func (t *victim) survivors() string {
	var left []int
	if t.family != nil {
		left, _ = t.family.Members()
	}
	if t.leader == nil || len(left) > 1 || len(left) == 1 && left[0] != t.leader.PID() {
		return fmt.Sprintf("%s, of which %v are left,", t.name, left)
	}
	state, _ := t.leader.State()
	return fmt.Sprintf("process %d (state %s)", t.leader.PID(), state)
}

// nothing is the answer when there is nobody to stop. A file that names nobody any more goes, but not one that was
// claimed in another PID namespace, where its process may well live.
func (o *pidKillOptions) nothing(c *applet.Call, h *pidfile.Holder) error {
	if h.State == pidfile.Foreign {
		c.Say("%s: left alone: %s", o.file, h.Why)
	} else if err := o.release(c, h); err != nil {
		return err
	}
	if o.strict {
		return applet.Fail(applet.No, "%s: nothing to stop: %s", o.file, h.Why)
	}
	c.Tell("%s: nothing to stop: %s", o.file, h.Why)
	return nil
}

// release removes the pidfile, unless it is somebody else's by now.
func (o *pidKillOptions) release(c *applet.Call, h *pidfile.Holder) error {
	if o.keep {
		return nil
	}
	err := pidfile.Release(context.Background(), h)
	if errors.Is(err, pidfile.ErrChanged) {
		c.Tell("%v: left to them", err)
		return nil
	}
	return err
}

// rehearse tells what would be done.
func (o *pidKillOptions) rehearse(c *applet.Call, h *pidfile.Holder, t *victim) error {
	if t == nil {
		c.Say("would signal nobody: %s: %s", o.file, h.Why)
		if o.strict {
			return applet.Exit(applet.No)
		}
		return nil
	}
	defer t.Close()
	if o.noWait {
		c.Say("would send %s to %s", signals.Name(o.schedule[0].Signal), t.name)
		return nil
	}
	schedule := o.schedule
	if o.budget != nil {
		schedule = schedule.Within(*o.budget)
	}
	c.Say("would stop %s by %s", t.name, schedule)
	return nil
}

func parseDuration(s string) (*time.Duration, error) {
	d, err := duration.Parse(s)
	return &d, err
}
