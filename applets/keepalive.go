package applets

import (
	"pidbox/lib/applet"
)

// keepAlive is a supervisor that can itself be restarted. It guarantees that there is one child at most: each is
// recorded in its pidfile while it is still held before its exec, so that a supervisor which is killed at any moment
// leaves either no child or one that the next supervisor adopts. It waits in the kernel, for a child and for an
// adopted process alike, and wakes up for nothing else.
//
// The limit: the exit code of an adopted process is its parent's to know, and so unknown here.
func keepAlive() *applet.Applet {
	o := keepAliveDefaults()
	return &applet.Applet{
		Name:    "keep-alive",
		Summary: "keep a command running: restart, back off, stop in good order, adopt again",
		Synopsis: []string{
			"-p FILE [OPTION]... [--] COMMAND [ARG]...",
			"-p FILE --status [--json]",
			"-p FILE --restart [--json]",
		},
		Description: []string{
			"Starts COMMAND in a session of its own, waits for its end and starts it again. The first restarts are immediate, further ones " +
				"wait 2, 4, 8... seconds up to --backoff-max, where they stay; once a run has lasted --healthy-after, from its start to its " +
				"exit, the count starts over. That the very first start fails is told at once; later failures are crashes.",
			"FILE names keep-alive itself: pid-kill on it, TERM or INT stop COMMAND by --stop-schedule, with all of its process group, and " +
				"remove both pidfiles once it is seen to be gone. A second TERM goes straight to KILL. When COMMAND has ended by itself, what is " +
				"left of its group is stopped in the same way before it is started again: a worker that is left would keep its port.",
			"The child pidfile names COMMAND and changes at each restart. When keep-alive is killed, or leaves on the signal of --leave-on, " +
				"COMMAND runs on with its logs open, and the next keep-alive with the same child pidfile and the same command (path, arguments, " +
				"user, directory, and the variables given by -E and --env-file) adopts it: neither a second one nor a restart. If the command " +
				"differs and can be started, the old one is stopped first. A process that no keep-alive started is neither adopted nor signalled.",
			"As PID 1 of a container it collects orphans, and passes HUP, QUIT, USR1, USR2 and WINCH on unless --signal-forward says otherwise.",
			"Each event is one line on standard error: started, exited with what after how long, waiting how long, adopted, gave up.",
		},
		Operand:  applet.Command,
		Options:  o.list(),
		Statuses: keepAliveStatuses(),
		Environment: []applet.Item{
			{Name: "NOTIFY_SOCKET", Text: "with --notify, where READY=1 and STOPPING=1 go; COMMAND does not see it"},
			{Name: "PATH", Text: "where COMMAND is searched for"},
		},
		Files: []applet.Item{
			{Name: "FILE", Text: "the process id of keep-alive itself, in decimal and a newline"},
			{Name: "FILE.control", Text: "the socket of --status and --restart, mode 0600"},
			{Name: "DIR/.NAME.command", Text: "beside the child pidfile DIR/NAME where the file system has no extended attributes: which command it runs, as a salted hash"},
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
			{Text: "As the first process of a container:", Lines: []string{
				"keep-alive -p /run/app.pid -o - -e - --max-restarts 5/1m -- app --serve",
			}},
		},
		Caveats: []string{
			"The logs are written by COMMAND itself, not through a pipe, which would die with keep-alive. So keep-alive cannot make a running " +
				"COMMAND let go of a log that was renamed: let COMMAND do it (HUP is passed on to it), or rotate by copying and truncating, " +
				"which is safe since the logs are opened for append. Each restart opens them anew.",
			"A full disk never ends COMMAND: its own writes fail, and a restart waits by the back-off until its pidfile can be written.",
			"An adopted process is no child: its exit code is unknown, and --no-restart-codes does not apply to it. It goes on writing to the " +
				"logs that it was started with.",
			"The hash of the command is salted, but whoever may read the child pidfile can try guesses: do not give short passwords by -E.",
			"Once keep-alive was killed, FILE names nobody and pid-kill on it has nothing to stop, though COMMAND runs on: a stop script says " +
				"pid-kill on FILE and then pid-kill --group on the child pidfile.",
			"Processes that have left COMMAND's process group are neither stopped nor waited for.",
			"--status and --restart use a socket in FILE's directory and not a signal, because an answer must come back. Only root and " +
				"keep-alive's own user are served, and only the process that FILE names is believed.",
		},
		SeeAlso: []string{"pid-alive(1)", "pid-kill(1)", "daemonize(1)", "wait-healthy(1)"},
		Quiet:   "log warnings and errors only",
		Run:     o.run,
	}
}

func keepAliveStatuses() []applet.Item {
	return []applet.Item{
		{Name: "0", Text: "stopped on request, left on request, or COMMAND ended with a code of --no-restart-codes that is 0; --status: COMMAND runs; --restart: it was started anew"},
		{Name: "1", Text: "another process holds FILE or the child pidfile; --status: COMMAND does not run just now"},
		{Name: "2", Text: "COMMAND survived the whole schedule; the pidfiles are kept"},
		{Name: "3", Text: "gave up restarting; --status, --restart: no keep-alive runs"},
		{Name: "4", Text: "a pidfile or a log is unsafe, nobody can tell whom a pidfile names, no permission, or no answer"},
		{Name: "64", Text: "the command line is wrong"},
		{Name: "75", Text: "a pidfile is locked by another process"},
		{Name: "124", Text: "--detach: COMMAND was not ready within --ready-timeout, and was stopped"},
		{Name: "125", Text: "keep-alive itself failed"},
		{Name: "126", Text: "COMMAND cannot be executed"},
		{Name: "127", Text: "COMMAND was not found"},
	}
}
