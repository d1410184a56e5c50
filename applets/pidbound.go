//go:build !pidbox_some || applet_pid_bound

package applets

import (
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/bound"
)

type pidBoundOptions struct {
	owner string
	limit time.Duration
	grace time.Duration
	scope bound.Scope
}

// pidBound runs a command of which nothing is left once it has exited, or its owner has, or pid-bound itself, by SIGKILL too.
// What lets go of no process is the kernel: see lib/bound for the three ways, and for who acts when pid-bound is killed.
// It cannot hold what another program starts for COMMAND, a service manager for example.
func pidBound() *applet.Applet {
	o := &pidBoundOptions{grace: 5 * time.Second}
	return &applet.Applet{
		Name:    "pid-bound",
		Summary: "run a command whose descendants exit with it, with its owner, or with pid-bound",
		Synopsis: []string{
			"[--owner PID[:INODE]|FILE|-] [--max-runtime D] [--grace D] [--scope cgroup|namespace|tree] [--] COMMAND [ARG...]",
		},
		Description: `
			Runs COMMAND and exits as it did: with its status, or by the signal that killed it.
			None of its descendants is left then, in whatever session or process group they are and whoever their parent is.

			They are also ended when the owner exits, when the time limit passes, and when pid-bound itself is killed, by SIGKILL for
			example.
			COMMAND and its descendants get TERM, and KILL after --grace; when pid-bound was killed, KILL at once.
			What COMMAND leaves when it exits may exit by itself for a tenth of a second before that.
			One line says what had to be ended, and how.

			Signals to pid-bound are passed on to COMMAND.
			COMMAND is in the process group of pid-bound, so that the terminal, its keys and the job control of the shell work as
			without pid-bound.
		`,
		Operand: applet.Command,
		Details: []applet.Item{
			{Name: "owner", Text: `
				The caller's own life is not watched unless it is named here: "$$" in a script.
				PID:INODE, as pid-alive --print=id prints it, cannot be another process by now.
				With - the owner is whoever has the other end of a pipe, a socket or a terminal: a parent in any language that keeps a
				pipe open, and dies with it.`},
			{Name: "scope", Text: `
				cgroup is the strongest and cheapest, and takes a right to make control groups.
				namespace needs none with user namespaces, but COMMAND sees other PIDs.
				tree needs nothing, and what both ends of it being killed at once leaves is in CAVEATS.`},
		},
		Options: []applet.Option{
			applet.Parsed(&o.owner, "owner", "PID[:INODE]|FILE|-", "end COMMAND when this process exits, or the one that the pidfile FILE "+
				"names; with - when standard input is closed at its other end", applet.FileName).As(applet.File),
			applet.Parsed(&o.limit, "max-runtime m", "D", "end COMMAND after D", applet.Positive),
			applet.Duration(&o.grace, "grace", "D", "send KILL D after TERM (default 5s); with 0, KILL at once"),
			applet.Parsed(&o.scope, "scope", "SCOPE", "bind COMMAND by a control group (cgroup), a PID namespace (namespace) or its descent "+
				"(tree), and fail with status 4 where that cannot be had (default: the first that can)", bound.ParseScope),
		},
		Quiet: "do not report what COMMAND left, nor that its time or its owner was over; errors are always printed",
		Statuses: []applet.Item{
			{Name: "0", Text: "COMMAND exited with 0"},
			{Name: "2", Text: "a process survived SIGKILL"},
			{Name: "3", Text: "the owner is not running; COMMAND was not run"},
			{Name: "4", Text: "COMMAND cannot be bound, and was not run; or one of its descendants may not be signalled"},
			{Name: "64", Text: "usage"},
			{Name: "124", Text: "ended at the time limit"},
			{Name: "125", Text: "own failure"},
			{Name: "126", Text: "COMMAND cannot be executed"},
			{Name: "127", Text: "COMMAND was not found"},
			{Name: "128+n", Text: "COMMAND was killed by signal n, and so is pid-bound"},
			{Name: "0-255", Text: "else that of COMMAND"},
		},
		Examples: []applet.Example{
			{Text: "Tests that leave nothing behind, for half an hour at most:", Lines: []string{
				"pid-bound --max-runtime 30m -- make test",
			}},
			{Text: "A helper that exits with this script, however that exits:", Lines: []string{
				`pid-bound --owner "$$" -- ssh-agent -D -a agent.socket &`,
			}},
			{Text: "A remote command that ends with the connection:", Lines: []string{"ssh host pid-bound --owner - -- make test"}},
		},
		Environment: []applet.Item{
			{Name: "PATH", Text: "where COMMAND is looked for"},
			{Name: "PIDBOX_BOUND_BY", Text: "set by pid-bound for its second run, with --scope tree; COMMAND does not see it"},
		},
		Files: []applet.Item{
			{Name: "pid-bound-*", Text: "the control group, below that of the caller; removed at the end"},
		},
		Caveats: pidBoundCaveats,
		SeeAlso: []string{"pid-kill(1)", "keep-alive(1)", "timeout(1)", "cgroups(7)", "pid_namespaces(7)"},
		Run:     o.run,
	}
}

const pidBoundCaveats = `
	A control group is made where version 2 is mounted, the kernel has cgroup.kill (Linux 5.14), and the caller may make a
	group below its own: root, or a user who has that group by delegation.
	A process beside COMMAND, the keeper, kills the group when pid-bound has exited.
	A descendant that was moved to another control group is ended with COMMAND as long as pid-bound itself is not killed.

	In a PID namespace COMMAND and its descendants see only each other, under PIDs of their own, and what they mount is not
	seen outside.
	Without privilege that takes a user namespace, in which programs with set-user-ID get no privileges; COMMAND itself must
	not be one.

	With a tree pid-bound runs twice, one below the other, and each ends what is left when the other was killed.
	If both are killed in the same moment, only COMMAND itself is killed, by the parent-death signal.
	A descendant that has changed its user may not be signalled by an unprivileged pid-bound: it is named, with status 4.
	A tree takes /proc, and a pid-bound that was not executed by a program which had children.

	The keeper can be killed by who can kill pid-bound. It is replaced at once; if both are killed before that, only COMMAND
	is killed, as with a tree.

	What is started by another program on COMMAND's request, such as systemd-run(1), at(1) or docker(1), is no descendant.

	A PID alone may have been given to another process before pid-bound looks at it. PID:INODE cannot: see pid-alive --print=id.
	An owner that is PID 1 is accepted; nothing outlives it.

	On a terminal a process beside COMMAND, in its process group, tells pid-bound which signals were sent to the whole group, by
	^C or by kill(1) for a job: COMMAND has those already, and they are not passed on.
	Without a terminal, or where that process was killed, COMMAND may get such a signal twice.
	When COMMAND is stopped, by ^Z or by itself, pid-bound stops too, for the shell to go on; when COMMAND takes no notice of
	^Z, pid-bound does not stop either.
	COMMAND ignores HUP, INT, QUIT, TSTP, TTIN and TTOU if the caller did; other signals have their default action.

	While pid-bound is stopped, the limit and the owner still end COMMAND, by SIGKILL, 5 seconds and the grace later.

	When pid-bound itself is killed by SIGKILL, --scope cgroup leaves a descendant whose first thread has exited while others run on:
	cgroup.kill passes over such a process, and only pid-bound kills it one by one. The other scopes leave none.
`
