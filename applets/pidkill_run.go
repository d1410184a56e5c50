//go:build !pidbox_some || applet_pid_kill || applet_sipid || applet_start_stop_daemon

package applets

import (
	"syscall"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/child"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
)

type pidKillOptions struct {
	file                 string
	rules                pidfile.Rules
	schedule             signals.Schedule
	signal               syscall.Signal
	grace, stacks        time.Duration
	budget               time.Duration // 0: none
	group, session, tree bool
	cgroup               bool
	strict, keep, noWait bool
	handler              bool // --require-handler
	stopBy               child.Line
	dryRun, json         bool
	out                  outcome
	began                time.Time
}

// check puts the schedule together from its parts.
func (o *pidKillOptions) check(c *applet.Call) error {
	if err := needPidfile(o.file); err != nil {
		return err
	}
	if o.signal != 0 {
		o.schedule[0].Signal = o.signal
	}
	if mild(o.signal) && !o.noWait && !c.Given("grace") {
		return applet.Usage("--signal %s would be followed by KILL after 20s: add --no-wait to send it only, or --grace D to stop by it",
			signals.Name(o.signal))
	}
	if c.Given("grace") {
		o.schedule = o.schedule.WithGrace(o.grace)
	}
	if c.Given("show-stacks") {
		o.schedule = o.schedule.WithStacks(o.stacks)
	}
	return checkStopCommand(o.stopBy, o.schedule)
}

// mild holds for signals that ask for a reload rather than for the exit.
func mild(s syscall.Signal) bool {
	switch s {
	case syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGCONT:
		return true
	}
	return false
}

func (o *pidKillOptions) scope() proc.Scope {
	switch {
	case o.group:
		return proc.Group
	case o.session:
		return proc.Session
	case o.tree:
		return proc.Tree
	case o.cgroup:
		return proc.ControlGroup
	}
	return proc.Process
}

// answer is run, and its outcome as an object if that was asked for.
func (o *pidKillOptions) answer(c *applet.Call) error {
	err := o.run(c)
	if o.json {
		o.out.File = o.file
		return o.out.print(c, o.began, err)
	}
	return err
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
	o.out.PID = h.PID
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
