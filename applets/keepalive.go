//go:build !pidbox_some || applet_keep_alive

package applets

import (
	"pidbox/lib/applet"
)

// keepAlive is a supervisor that can itself be restarted. It guarantees that there is one child at most: each is
// recorded in its pidfile while it is still held before its exec, so that a supervisor which is killed at any moment
// leaves either no child or one that the next supervisor adopts. It waits in the kernel, for a child and for an
// adopted process alike, and wakes up for nothing else.
//
// The limit: the exit code of an adopted process is its parent's to know, and so unknown here before Linux 6.15.
func keepAlive() *applet.Applet {
	o := keepAliveDefaults()
	return &applet.Applet{
		Name:    "keep-alive",
		Summary: "keep a command running: restart it, back off, stop it in order, adopt it again",
		Synopsis: []string{
			"[-p FILE] [OPTION]... [--] COMMAND [ARG]...",
			"-p FILE --status|--restart [--json]",
			"-p FILE --stop [--json]",
		},
		Description: `
			Starts COMMAND in a session of its own, waits until it exits and starts it again.
			The first restarts are immediate, further ones wait 2, 4, 8... seconds up to --backoff-max, where they stay; once a
			run has lasted --healthy-after, from its start to its exit, the count starts over.
			If the first start fails, keep-alive reports it and exits.
			A later start that cannot be made, because the disk is full or the program is being replaced, is no crash: it is tried
			again after 1, 2, 4... seconds, and counts neither as a restart nor against --max-restarts.
			A --restart for which the new program cannot be started leaves the old one running.
			Where no restart follows, by --no-restart-codes or --max-restarts 0, keep-alive exits as COMMAND did.

			FILE names keep-alive itself: pid-kill on it, TERM, INT or QUIT stop COMMAND by --stop-schedule, with all of its process
			group, and remove both pidfiles once it is gone.
			A second TERM goes straight to KILL.
			COMMAND that ignores INT gets TERM in its place.
			CMD of --stop-command runs before the first signal, with the user and the environment of COMMAND.
			A start that is under way is aborted by a stop, and COMMAND never runs once keep-alive has exited.
			No log line is waited for: those that find no reader are dropped, and a line says how many.
			--stop does the same from outside, and stops COMMAND also where keep-alive itself was killed; then it needs the
			--child-pid-file that keep-alive had, if that was not the usual one.
			When COMMAND has exited by itself, what is left of its group is stopped in the same way before COMMAND is started
			again: a remaining worker would keep its port.

			COMMAND that puts itself into the background is followed by --follow-pid-file, and so is the next one where nginx or
			unicorn are upgraded by USR2: when COMMAND exits, the process that FILE names then is kept in its place, if it came of
			COMMAND; that is no restart.
			COMMAND that exits with 0 has 5 seconds to name it.
			The child pidfile names COMMAND, or the one that took its place, and changes at each restart.
			When keep-alive is killed, or leaves on the signal of --leave-on, COMMAND runs on with its logs open, and the next
			keep-alive with the same child pidfile and the same command (path, arguments, user, directory, and the variables given
			by -E and --env-file) adopts it, with no second copy and no restart.
			If the command differs and can be started, the old one is stopped first.
			A process that no keep-alive started is neither adopted nor signalled: status 1, or 4 where nothing shows which process
			the child pidfile names.

			With --listen, COMMAND finds the sockets open, from descriptor 3 on, as systemd's socket activation has it:
			LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES say how many there are, for which PID, and their NAMEs.
			They stay open while COMMAND is restarted, so that clients wait and are not refused.
			When keep-alive was killed, the next one takes them back from the COMMAND that it adopts.

			As PID 1 of a container it collects orphans, ends all that is left when it ends itself (TERM, the first wait of
			--stop-schedule, and the rest of that), and passes on HUP, USR1, USR2 and WINCH unless --signal-forward
			says otherwise.

			--detach returns when COMMAND is ready.
			Where it exits before that, the last lines of its errors (-e FILE) and how it exited are shown, and that is the exit
			status.
			TERM, INT, HUP or QUIT while it waits, or --ready-timeout, undo the start.

			Each event is one line on standard error: started, exited with which status after how long, waiting how long, adopted,
			gave up.
		`,
		Operand: applet.Command,
		Options: o.list(),
		Details: append(append([]applet.Item{stopCommandDetail(), cgroupDetail(),
			{Name: "max-restarts", Text: `
				3/1m gives up at the fourth restart within a minute, and 0 never restarts.
				What happens then is up to who started keep-alive: it exits with 3, or as COMMAND did.`},
			{Name: "health", Text: `
				A process can hang and still be there.
				A check that fails N times in a row stops COMMAND by --stop-schedule and starts it again; that is a restart like any
				other, with the same waits.`},
			{Name: "follow-pid-file", Text: `
				For programs that cannot stay in the foreground, and for those that replace themselves in an upgrade without a gap.
				The process is only accepted if it came of COMMAND.`},
			{Name: "leave-on", Text: `
				For an upgrade of keep-alive itself: the old one leaves on SIGNAL, the new one with the same --child-pid-file and the
				same COMMAND adopts the process, and no client notices.`},
			{Name: "stop-on", Text: `
				docker stop sends what the image names as STOPSIGNAL, which need not be TERM; a keep-alive that did not know it would
				be killed after the grace of the container.`},
		}, readyDetails()...), ruleDetails()[:2]...),
		Exclusive: [][]string{{"status", "restart", "stop"}, {"detach", "notify"}, {"notify-await", "notify-fd"}, {"follow-pid-file", "watchdog"}},
		Requires: []applet.Need{
			{Option: "reopen-on", OneOf: []string{"log"}},
			{Option: "ready-shared", OneOf: []string{"health"}},
			{Option: "health-interval", OneOf: []string{"health"}},
			{Option: "watchdog", OneOf: []string{"notify-await"}},
		},
		Statuses: keepAliveStatuses(),
		Environment: []applet.Item{
			{Name: "NOTIFY_SOCKET", Text: "with --notify, where READY=1 and STOPPING=1 go; COMMAND does not see it"},
			{Name: "WATCHDOG_USEC, WATCHDOG_PID", Text: `with --notify, how often the service manager wants WATCHDOG=1 of keep-alive itself, which
				sends it twice as often; COMMAND does not see them`},
			{Name: "PATH", Text: "where COMMAND is looked for"},
			{Name: "GOMAXPROCS", Text: "how many processors the Go runtime of keep-alive uses, instead of one"},
			{Name: "LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES", Text: "set for COMMAND by --listen, and read by --listen fds; see sd_listen_fds(3)"},
		},
		Files: []applet.Item{
			{Name: "FILE", Text: "the PID of keep-alive itself, in decimal and a newline"},
			{Name: "FILE.control", Text: "the socket of --status and --restart, mode 0600"},
			{Name: "DIR/.NAME.command", Text: `beside the child pidfile DIR/NAME, where the file system has no extended attributes:
				the command that it runs, as a salted hash`},
			lockItem(),
		},
		Examples: []applet.Example{
			{Text: "Keep a web server running, in the background, with its logs apart:", Lines: []string{
				`keep-alive --detach -p /run/web.pid -o /var/log/web.log \`, "    -e /var/log/web.err -- webd -f",
				"keep-alive -p /run/web.pid --status",
				"pid-kill -p /run/web.pid",
			}},
			{Text: "Upgrade keep-alive itself without stopping the service:", Lines: []string{
				"keep-alive --detach --leave-on USR2 -p /run/web.pid -- webd -f",
				"pid-kill --retry USR2/20 -p /run/web.pid",
				"keep-alive --detach --leave-on USR2 -p /run/web.pid -- webd -f # adopts webd",
			}},
			{Text: "With limits, a lower priority, a umask and an environment of its own:", Lines: []string{
				`env -i PATH="$PATH" keep-alive -p /run/web.pid --env-file web.env \`,
				`    -- chpst -o 4096 -n 5 sh -c 'umask 027; exec webd -f'`,
			}},
			{Text: "As the first process of a container:", Lines: []string{
				"keep-alive --stop-on QUIT -o - -e - --max-restarts 5/1m -- app --serve",
			}},
		},
		Caveats: `
			The pidfiles, the logs and the files of --env-file are refused with status 4 if a user could have put them there, or
			made a link to elsewhere, who could not do himself what is done with them.
			What USER of -u could have done is done for him: the child pidfile and the logs may be in his directories, but not FILE,
			which names a process of the caller.
			The message names the component at fault, its owner and its mode, and the hint says what to do; see pid-claim(1).

			COMMAND itself writes the logs, not through a pipe, which would die with keep-alive.
			So keep-alive cannot make a running COMMAND close a log that was renamed: let COMMAND do it (HUP is passed on to it),
			or rotate by copying and truncating, which is safe because the logs are opened for append.
			Each restart opens them anew.

			A full disk never stops COMMAND: its own writes fail, and a restart waits by the back-off until its pidfile can be
			written.

			An adopted process is not a child: before Linux 6.15 its exit code is unknown, and --no-restart-codes does not apply to it.
			It keeps writing to the logs that it was started with.

			The hash of the command is salted, but any user who may read the child pidfile can try guesses: do not give short
			passwords by -E.

			A socket is taken back if it is the very one that was recorded, which the kernel's number for it tells; that takes the
			right to trace COMMAND, as root or its user has.
			One that COMMAND has closed is opened anew.
			A socket of unix:PATH has mode 0666 less the umask, and is removed with COMMAND.
			COMMAND's user may own the directory that PATH is in, but none above that.

			Once keep-alive was killed, FILE names no process and pid-kill on it has nothing to stop, though COMMAND runs on: use
			keep-alive --stop in a stop script.

			Without FILE there is no --status, --restart or --stop, and no COMMAND is adopted: that is for containers.

			--health believes an answer of this machine only from COMMAND, its session and its descendants, by the socket that
			listens there; that of another process is a failed check, which names it.
			Where it cannot be seen who answers, as on another machine, the URL is asked before COMMAND is executed, and a start
			fails with status 4 if it is healthy already.
			Only --ready-shared believes any answer.
			A check that cannot be made, for want of processes, descriptors or memory, is neither a success nor a failure.
			The CHECK of exec: has the user, the limits and the environment of COMMAND; what a URL alone cannot say, it can:
			--health 'exec:wait-healthy --once -k https://localhost/'.

			Processes that have left COMMAND's process group are neither stopped nor waited for, unless --cgroup or --scope says so.

			What keep-alive has no option for, a program that executes COMMAND in its own place gives it, as chpst(8), nice(1),
			prlimit(1) and env(1) do: the PID stays the same.
			--status and --restart use a socket in FILE's directory and not a signal, because an answer must come back.
			Only root and keep-alive's own user are served, and only the process that FILE names is believed.
		`,
		SeeAlso: []string{"pidbox-json(5)", "pidbox-pidfile(7)", "pid-alive(1)", "pid-kill(1)", "daemonize(1)", "wait-healthy(1)"},
		Quiet:   "log warnings and errors only",
		Run:     func(c *applet.Call) error { return adviseOrder(c, o.run(c)) },
	}
}

func keepAliveStatuses() []applet.Item {
	return []applet.Item{
		{Name: "0", Text: `stopped on request, left on request, or COMMAND exited with 0 and no restart follows;
			--status: COMMAND runs; --restart: it was restarted; --stop: none of them runs`},
		{Name: "1", Text: "another process holds FILE or the child pidfile; --status: COMMAND is not running at the moment"},
		{Name: "2", Text: "COMMAND survived the whole schedule; the pidfiles are kept"},
		{Name: "3", Text: "gave up restarting; --status, --restart: no keep-alive runs"},
		{Name: "4", Text: "a pidfile or a log is unsafe, unclear which process a pidfile names, not permitted, or no answer"},
		{Name: "64", Text: "usage"},
		{Name: "75", Text: "a pidfile is locked by another process"},
		{Name: "124", Text: "--detach: COMMAND was not ready within --ready-timeout, and was stopped"},
		{Name: "125", Text: "keep-alive itself failed"},
		{Name: "126", Text: "COMMAND cannot be executed"},
		{Name: "127", Text: "COMMAND was not found"},
		{Name: "other", Text: "COMMAND's own, where no restart follows; 128+n if signal n killed it"},
	}
}
