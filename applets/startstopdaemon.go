//go:build !pidbox_some || applet_start_stop_daemon

package applets

import (
	"errors"
	"fmt"
	"io"

	"pidbox/lib/applet"
	"pidbox/lib/pidfile"
	"pidbox/lib/signals"
)

// startStopDaemon takes the place of the program of that name in init scripts: dpkg's command line, statuses and lines,
// and the dialects of BusyBox and OpenRC. What it signals was opened first and checked after, a pidfile that it makes
// has a record, and a doubt signals no process. It cannot know what a script means by a program that many run.
func startStopDaemon() *applet.Applet {
	return &applet.Applet{
		Name:    "start-stop-daemon",
		Summary: "start and stop daemons for init scripts, compatible with the program of that name",
		Synopsis: []string{
			"--start MATCH... [--background] [--make-pidfile] [OPTION]... [-- ARG...]",
			"--stop MATCH... [--retry SCHEDULE] [--signal SIGNAL] [OPTION]...", "--status MATCH...",
		},
		Description: `
			A drop-in replacement for scripts that call start-stop-daemon of dpkg, BusyBox or OpenRC: the same options, statuses
			and lines.
			MATCH is --exec, --name, --user, --pidfile, --pid or --ppid; of several, all must hold.

			--make-pidfile claims FILE as pid-claim(1) does, with a record of the process.
			A FILE that another program wrote is judged by its process's start time.

			Whose dialect it speaks is said by SSD_DIALECT, by the ending of its link (start-stop-daemon.busybox), by a folder on
			its path (openrc/start-stop-daemon), or by RC_SVCNAME, which stands for OpenRC; otherwise it is dpkg's.
			In BusyBox's, --startas is argument zero, and errors have status 1.
			In OpenRC's, --user is the user to run as, a stop is SIGNAL/5 unless --retry says otherwise and removes FILE, and errors
			have status 1; the letters are those of its own manual.
			There FILE alone says which process is meant; without it, PROGRAM, the operands, --name as argument zero and --user do.
			--nicelevel is the nice value itself, --chdir is the caller's directory unless given, and ~ is the user's home.
		`,
		Operand: applet.Command,
		Options: (&ssd{}).documented(),
		Statuses: []applet.Item{
			{Name: "0", Text: "done; --status: running; with --oknodo, nothing had to be done"},
			{Name: "1", Text: "nothing done, or it is unclear which process is meant; --status: not running, and FILE is there"},
			{Name: "2", Text: "--retry: still running after the whole schedule; or it could not be done"},
			{Name: "3", Text: "usage; --status: not running"},
			{Name: "4", Text: "--status: cannot tell"},
			{Name: "128+n", Text: "killed by signal n"},
		},
		Environment: []applet.Item{
			{Name: "SSD_DIALECT", Text: "dpkg, busybox or openrc"}, {Name: "RC_SVCNAME", Text: "the service of an OpenRC script"},
			{Name: "SSD_NICELEVEL, SSD_IONICELEVEL, SSD_OOM_SCORE_ADJ, SSD_STARTWAIT",
				Text: "OpenRC: --nicelevel, --ionice, --oom-score-adj and --wait, where they are not given"},
			{Name: "RC_OPENRC_PID", Text: "OpenRC: a process that is never meant, its own script"},
		},
		Files: []applet.Item{{Name: "FILE", Text: recordText}},
		Examples: []applet.Example{
			{Text: "In an init script:", Lines: []string{
				"start-stop-daemon --start --background --make-pidfile \\",
				"    --pidfile /run/web.pid --exec /usr/sbin/web -- --port 8080",
				"start-stop-daemon --stop --retry 5 --remove-pidfile --pidfile /run/web.pid",
			}},
		},
		Caveats: `
			It differs from the originals on purpose.
			A zombie, a thread's ID and a reused PID are not running.
			A start in the background fails with status 2 if the program could not be executed.
			A process that could not be signalled is not success, with --oknodo either.
			--exec means the file and not its path: a container's process at the same path is another one.
			BusyBox also believes the arguments of a process, which that can write itself.

			Where nothing shows that the process is the one meant, for example one that started after a FILE without a record was
			written, a stop signals no process and has status 1, and a start starts nothing.
			A FILE that a user could have written who may not signal its process is refused.

			Without a pidfile every process that matches is signalled, in containers too, as with the originals.
		`,
		SeeAlso: []string{"pid-kill(1)", "pid-claim(1)", "daemonize(1)", "chpst(1)"},
		Raw:     true,
		Run:     runSSD,
	}
}

func runSSD(c *applet.Call) error {
	dialect, err := dialectOf(c.Line[0])
	if err != nil {
		return err
	}
	o := &ssd{dialect: dialect, given: c.Given}
	operands, err := c.Getopt(dialect.options(o), c.Args, dialect.ordered)
	switch {
	case err != nil:
		return o.trouble(c, misuse{err})
	case o.help:
		return applet.ErrHelp
	case o.version:
		return applet.ErrVersion
	}
	c.Args, c.Quiet = operands, false
	o.defaults(c)
	o.operands = c.Args
	if err := o.check(); err != nil {
		return o.trouble(c, err)
	}
	if len(o.name) > nameBytes && dialect.name == "dpkg" {
		c.Say("warning: this system is not able to track process names")
		io.WriteString(c.Stderr, "longer than 15 characters, please use --exec instead of --name.\n")
	}
	switch o.action {
	case "start":
		err = o.start(c)
	case "stop":
		err = o.stop(c)
	default:
		err = o.status()
	}
	return o.trouble(c, err)
}

// info prints a line for scripts, unless --quiet.
func (o *ssd) info(c *applet.Call, format string, args ...any) {
	if !o.quiet {
		fmt.Fprintf(c.Stdout, format+"\n", args...)
	}
}

// trouble gives an error the status that the dialect's scripts expect.
func (o *ssd) trouble(c *applet.Call, err error) error {
	var known *applet.Error
	var caught *signals.Caught
	switch {
	case err == nil || errors.As(err, &known) || errors.As(err, &caught):
		return err
	case errors.As(err, &misuse{}):
		c.Say("%v", err)
		if o.dialect.name != "openrc" {
			io.WriteString(c.Stderr, "Try '"+c.Name+" --help' for more information.\n")
		}
		status := o.dialect.usage
		if o.action == "status" {
			status = o.dialect.unknown
		}
		return applet.Exit(status)
	}
	status := o.dialect.trouble
	judged, _ := Status(err)
	switch {
	case o.action == "status":
		status = o.dialect.unknown
	case judged == applet.Unsafe && o.action == "stop":
		status = applet.No
	}
	failed := applet.Fail(status, "%w", err)
	if doubt := as[*pidfile.DoubtError](err); doubt != nil && doubt.Holder.PID != 1 { // Status would name options of other applets
		pid := doubt.Holder.PID
		return applet.WithHint(failed, "look at process %d: if it is another one, remove %s; if it is the one, kill %d stops it", pid, doubt.Holder.Path, pid)
	}
	return failed
}
