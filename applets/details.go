package applets

import "pidbox/lib/applet"

// The paragraphs of the manual pages for options whose line in the help does not do, and only there: one that several
// applets have is told once.

func budgetDetail() applet.Item {
	return applet.Item{Name: "budget", Text: `
		A supervisor that runs a stop script kills it at its limit, as Monit does after 30 seconds, and then it is not seen whether
		the service has stopped.
		With a D below that limit the waits are shortened in proportion, so that KILL is sent in time and what came of it is
		still seen; the wait for the pidfile's lock counts as well.`}
}

func stacksDetail() applet.Item {
	return applet.Item{Name: "show-stacks", Text: `
		A Go program and a JVM print what each of their threads is doing when they get QUIT, to their own output, which is where
		the reason of a stop that hangs can be read.
		QUIT is sent when the grace is over, and KILL D later; a process that exits by TERM in time gets neither.`}
}

func stopCommandDetail() applet.Item {
	return applet.Item{Name: "stop-command", Text: `
		For programs that are stopped by a client of their own, for example 'nginx -s quit' or 'redis-cli shutdown'.
		The wait of the first signal is CMD's: where it has succeeded the process is waited for without a signal, until a quarter
		of that wait is left.`}
}

func cgroupDetail() applet.Item {
	return applet.Item{Name: "cgroup", Text: `
		A process leaves its process group by setpgid(2), its session by setsid(2) and its parent by a double fork, but never its
		control group by a fork.
		That takes version 2 of control groups and the right to make one below the caller's: root has it, and a user who
		got it by delegation.`}
}

func readyDetails() []applet.Item {
	return []applet.Item{
		{Name: "notify-await", Text: `
			COMMAND finds the socket in NOTIFY_SOCKET, as under systemd with Type=notify.
			READY=1 ends the wait; EXTEND_TIMEOUT_USEC=N gives N more microseconds, ERRNO and STATUS are reported when COMMAND
			exits, and MAINPID names another process of COMMAND's own to go on with.`},
		{Name: "notify-fd", Text: `
			The way of s6 and of programs that have an option for it: COMMAND writes a line to the descriptor when it is ready,
			and closes it.
			COMMAND must know the number, for example by an option of its own.`},
	}
}

func ruleDetails() []applet.Item {
	return []applet.Item{
		{Name: "allow-insecure", Text: `
			For pidfiles in directories that cannot be made safe at once, and for links that are meant.
			It trusts whoever could have written the file: by root's hand that user can then have any process signalled.
			pidbox-pidfile(7) says what is refused without it.`},
		{Name: "unrecorded", Text: `
			A file that another program wrote has no record of its process, and where the process is younger than the file, its
			PID has most likely been given away since; but a clock that was set, or a virtual machine that was resumed, looks the
			same.
			That is status 4, with both times in the message.
			running and stale decide it: look at the process first.`},
		{Name: "match-exec", Text: `
			PATH may be a link to the executable; a program that was replaced on the disk since it was started fits as well.
			The --match options are conditions for a pidfile that another program wrote; a process that does not fit is taken for
			one that got the PID by chance.`},
	}
}
