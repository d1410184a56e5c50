//go:build !pidbox_some || applet_pid_kill

package applets

import (
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/duration"
	"pidbox/lib/signals"
)

// pidKill ends the process that a pidfile names, sees that it is gone, and removes the file. It signals that very
// process, through a descriptor on which its identity was checked, or none. Nothing can end a process that sleeps in the
// kernel (state D).
func pidKill() *applet.Applet {
	o := &pidKillOptions{schedule: signals.Default(), began: time.Now()}
	return &applet.Applet{
		Name:    "pid-kill",
		Summary: "stop the process that a pidfile names, and see that it is gone",
		Synopsis: []string{
			"[-p] FILE [--grace D] [--retry SCHEDULE] [--show-stacks[=D]] [--group|--session|--tree|--cgroup] [--budget D]",
			"[-p] FILE --no-wait [--signal SIGNAL] [--require-handler]",
		},
		Description: `
			Sends TERM, waits up to 20 s for the exit, sends KILL, and returns the moment the process is gone.
			Then the pidfile is removed.
			If there is nothing to stop, that is success too, and a stale file is removed.

			SCHEDULE is signals and waits in turn, for example TERM/20/QUIT/1/KILL/5; forever repeats what follows it, and a
			single number N stands for TERM/N/KILL/N.

			A program with a command of its own to stop it, which may close its connections first, is stopped by --stop-command.

			With --group, --session, --tree or --cgroup the other members are signalled too, and all must be gone.
			If the process has died and left others in its group or session, those are stopped if the pidfile's record proves
			that they belong to it.
			--cgroup is for what was started with --cgroup, by daemonize(1) for example: nothing leaves that by a fork, and KILL
			reaches all of it at once.
			The control group is removed when it is empty.
		`,
		Operands: pidfileOperand(),
		Options: append([]applet.Option{
			pidfileOption(&o.file, "the pidfile"),
			applet.Duration(&o.grace, "grace", "D", "how long to wait after the first signal (default 20s)"),
			applet.Parsed(&o.schedule, "retry", "SCHEDULE", "the signals and waits (default TERM/20/KILL/5)", signals.ParseSchedule),
			applet.Signal(&o.signal, "signal s", "SIGNAL", "the first signal"),
			applet.Optionally("show-stacks", "D",
				"send QUIT and wait D before KILL, so that a Go or Java program prints its stacks (default 1s)", "1s",
				func(s string) (err error) {
					o.stacks, err = duration.Parse(s)
					return err
				}),
			stopCommandOption(&o.stopBy, "the process"),
			applet.Parsed(&o.budget, "budget", "D",
				"shorten the waits so that everything fits within D, for example Monit's time limit", applet.Positive),
			applet.Switch(&o.group, "group g", "stop the process group that the process leads"),
			applet.Switch(&o.session, "session", "stop the session that it leads"),
			applet.Switch(&o.tree, "tree", "stop it and its descendants"),
			applet.Switch(&o.cgroup, "cgroup", "stop it and all that is in the control group that it was started in"),
			applet.Switch(&o.noWait, "no-wait", "only send the first signal, for example for a reload; the pidfile stays"),
			applet.Switch(&o.handler, "require-handler",
				"send the signal of --no-wait only if the process has a handler for it, which otherwise might end it"),
			applet.Switch(&o.strict, "strict", "exit with status 1 if there is nothing to stop"),
			applet.Switch(&o.keep, "keep-pid-file", "never remove the pidfile"),
			outcomeOption(&o.json),
			applet.Switch(&o.dryRun, "dry-run n",
				"send no signal, change and lock nothing; print what would be done, and exit with the status it would have"),
		}, ruleOptions(&o.rules)...),
		Details: append([]applet.Item{budgetDetail(), stacksDetail(), stopCommandDetail(), cgroupDetail(),
			{Name: "require-handler", Text: `
				A daemon that is asked to reload a moment after its start may not have installed its handler of HUP yet, whose default
				action ends it.`},
			{Name: "tree", Text: `
				The descendants are found by their parents, and whoever was left by its parent by init or a subreaper is none any more;
				--session finds those that have stayed in it, and --cgroup all.`},
		}, ruleDetails()...),
		Exclusive: [][]string{{"group", "session", "tree", "cgroup"}, {"retry", "grace"}, {"retry", "signal"}, {"no-wait", "grace"}, {"no-wait", "retry"}, {"no-wait", "stop-command"}, {"no-wait", "show-stacks"}, {"json", "dry-run"}},
		Requires:  []applet.Need{{Option: "require-handler", OneOf: []string{"no-wait"}}},
		Statuses: []applet.Item{
			{Name: "0", Text: "gone, and the pidfile removed; or there was nothing to stop"},
			{Name: "1", Text: "--strict: nothing to stop"},
			{Name: "2", Text: "alive after the whole schedule; the pidfile is kept"},
			{Name: "4", Text: "unsafe, ambiguous or not permitted; no signal was sent, or the pidfile could not be removed; or, with " +
				"--require-handler, the process has no handler for the signal"},
			{Name: "64", Text: "usage"},
			{Name: "75", Text: "gone, but the pidfile is locked by another program and could not be removed"},
			{Name: "125", Text: "own failure"},
			{Name: "128+n", Text: "killed by signal n while waiting; the pidfile is kept"},
		},
		Files: []applet.Item{{Name: "FILE", Text: recordText}, lockItem()},
		Examples: []applet.Example{
			{Text: "Stop a server and its workers, within Monit's 30 seconds:", Lines: []string{
				"pid-kill -p /run/web.pid --group --show-stacks --budget 25",
			}},
			{Text: "Let a server finish its requests before it is signalled:", Lines: []string{
				"pid-kill -p /run/web.pid --retry 60 --stop-command 'nginx -s quit'",
			}},
			{Text: "Make it read its configuration again:", Lines: []string{"pid-kill -p /run/web.pid --no-wait --signal HUP"}},
		},
		Caveats: `
			The process was opened before its identity was checked, and is signalled through that descriptor: if it exits and its
			PID is reused, the signal reaches no process.
			Before Linux 5.3 there are no such descriptors, and a window of microseconds is left.

			With --group, --session, --tree or --cgroup each member is judged by itself: one that FILE's owner, or another user who could
			have written FILE, could not have signalled is left alone and named, with status 4.
			Without these options the children of the process are not stopped.

			The members of --cgroup are those that are in the control group at the time: who may write there, root for example, can
			move processes out of it and into it.
			KILL reaches members of other users there too, such as set-user-ID programs, if all of FILE's word is root's or the
			caller's.

			A stopped process is continued (CONT) after each signal, so that it can exit, but not after the one of --no-wait;
			a frozen control group is thawed.
			Before KILL all of a tree is stopped, so that none escapes by a fork; if pid-kill is interrupted then, the tree goes on.

			A pidfile that was claimed in another PID namespace names no process here: it is left alone, with status 0.

			The pidfile is removed only if it still names the same process, which has exited; if another one has claimed it, it stays.
			The lock that another program has on it is waited for, up to 5 s or the rest of --budget, if root, the caller or FILE's
			owner holds it.

			Where no thread can be made, the Go runtime ends pid-kill with a trace and status 2 before anything was signalled.
		` + believed,
		SeeAlso: []string{"pidbox-json(5)", "pidbox-pidfile(7)", "pid-alive(1)", "pid-claim(1)", "start-stop-daemon(8)", "pidfd_send_signal(2)"},
		Run:     o.answer,
	}
}
