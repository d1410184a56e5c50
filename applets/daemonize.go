//go:build !pidbox_some || applet_daemonize

package applets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/daemon"
	"pidbox/lib/ready"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// daemonize detaches a command, and returns 0 only when that was executed, lived and said that it is ready, as far as
// asked, with a pidfile that is complete. Of any failure nothing is left. The pidfile is claimed before the command is
// executed, by a child that waits for it and ends with its parent: there is no moment at which a daemon runs without a
// pidfile, or a pidfile names a stranger. It cannot know what the command does after that.
func daemonize() *applet.Applet {
	o := &daemonizeOptions{order: daemon.Order{Want: ready.Want{MinUptime: minUptime, Timeout: time.Minute}}}
	return &applet.Applet{
		Name:    "daemonize",
		Summary: "detach a command, and report truthfully whether it runs",
		Synopsis: []string{
			"[-p FILE] [-o FILE] [-e FILE] [-c DIR] [-E K=V]... [-u USER[:GROUP...]] [OPTION]... [--] COMMAND [ARG...]",
		},
		Description: `
			Runs COMMAND in a session of its own that it does not lead, so that it never gets a controlling terminal; as the
			leader of its process group (for pid-kill --group); adopted by init; in / with /dev/null as standard input; with no
			descriptor of the caller's but those asked for; with an empty signal mask and default signal dispositions.
			Its PID goes to standard output, or with --json an object.

			daemonize returns when the pidfile is complete, COMMAND was executed, lived for --min-uptime, and reported ready if
			--notify-await, --notify-fd or --ready-url asks for that.
			When it fails, COMMAND does not run and the pidfile is gone.

			The caller writes the pidfile and opens the log files: a user given with -u needs no right to their
			directories, and owns the logs that are made.
			COMMAND has the groups, HOME, USER, LOGNAME and SHELL of that user.
			COMMAND is looked for in the caller's PATH; a relative path starts in the caller's directory.
		`,
		Operand: applet.Command,
		Options: o.options(),
		Details: append(append([]applet.Item{cgroupDetail(),
			{Name: "min-uptime", Text: `
				Most starts that fail do so at once, by a port that is taken or a file that is not there, and this is long enough to
				see it.
				0 is for a COMMAND that exits, or goes to the background, by itself.`},
			{Name: "ready-url", Text: `
				For programs that do not report when they are ready.
				An old instance that still answers at URL is not believed, see CAVEATS.`},
			{Name: "lock-file", Text: `
				As in daemonize(1): a second daemonize with the same FILE fails with 75, whatever its pidfile is.
				The pidfile is enough to keep two apart; -l is for scripts that look at the lock.`},
		}, readyDetails()...), ruleDetails()...),
		Exclusive: [][]string{{"append", "truncate"}, {"json", "dry-run"}, {"notify-await", "notify-fd", "ready-url"}},
		Requires: []applet.Need{
			{Option: "hold-lock", OneOf: []string{"pid-file"}},
			{Option: "ready-shared", OneOf: []string{"ready-url"}},
			{Option: "wait", OneOf: []string{"pid-file"}},
			{Option: "ready-timeout", OneOf: []string{"notify-await", "notify-fd", "ready-url"}},
		},
		Statuses: []applet.Item{
			{Name: "0", Text: "COMMAND runs, and is ready if that was asked for"},
			{Name: "1", Text: "already running: a live process holds the pidfile; nothing was started"},
			{Name: "3", Text: "it died before it was ready"},
			{Name: "4", Text: "unsafe, not permitted, or unclear which process the pidfile names; nothing was started"},
			{Name: "64", Text: "usage"},
			{Name: "75", Text: "another process holds the lock file or the pidfile's lock"},
			{Name: "124", Text: "it was not ready within --ready-timeout, or closed the descriptor of --notify-fd, and was stopped; " +
				"or the holder of the pidfile was still running after --wait"},
			{Name: "125", Text: "own failure, for example a full disk; or COMMAND runs, but its PID could not be printed"},
			{Name: "126", Text: "COMMAND cannot be executed"},
			{Name: "127", Text: "COMMAND was not found"},
			{Name: "128+n", Text: "killed by signal n while waiting; COMMAND was stopped"},
		},
		Environment: []applet.Item{
			{Name: "PATH", Text: "where COMMAND is looked for"},
			{Name: "LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES", Text: "read, and set for COMMAND, by --listen-fds; see sd_listen_fds(3)"},
			{Name: "NOTIFY_SOCKET", Text: "set for COMMAND by --notify-await; see sd_notify(3)"},
		},
		Files: []applet.Item{
			{Name: "FILE", Text: "the pidfile, as pid-claim(1) writes it"},
			lockItem(),
			{Name: "LOCKFILE", Text: "of -l, made with mode 600 if it is missing; it stays"},
		},
		Examples: []applet.Example{
			{Text: "Start a server as a user of its own, with a pidfile and a log:", Lines: []string{
				"daemonize -p /run/web.pid -u www-data -e /var/log/web.log web --port 8080",
			}},
			{Text: "Return when it answers, or report why not:", Lines: []string{
				"daemonize -p /run/web.pid --ready-url http://localhost:8080/ web --port 8080",
			}},
			{Text: "A service that speaks sd_notify:", Lines: []string{
				"daemonize -p /run/redis.pid --notify-await redis-server --supervised systemd",
			}},
		},
		Caveats: `
			Without a readiness option, a COMMAND that exits after --min-uptime, or right after it was executed if that is 0,
			counts as started.
			A COMMAND that forks and leaves its work to a child leaves a pidfile that names the parent: keep it in the
			foreground, or let it send MAINPID with --notify-await.

			The pidfile, the logs, the lock file and the files of --env-file are refused with status 4 if a user could have put them
			there, or made a link to elsewhere, who could not do himself what is done with them.
			What USER of -u could have done is done for him: the pidfile and the logs may be in his directories.
			The message names the component at fault, its owner and its mode, and the hint says what to do; see pid-claim(1).

			The locks of -l and --hold-lock are held until the last process that inherited the descriptor has exited: the
			daemon, and every child of it that does not close it.

			--notify-await believes only the daemon, its session and its descendants, as the kernel identifies them.
			Of a sender that has exited before it was looked up only its user, and that it began after COMMAND, is known: it
			is believed if it ran as COMMAND's user or as root.
			The socket is an abstract one: it cannot be reached from another network namespace.
			It is served after READY=1 until the barrier of sd_notify_barrier(3) came, or until a second has passed without a
			message. What COMMAND sends later is refused (ECONNREFUSED), which libsystemd ignores unless it is asked not to;
			keep-alive(1) hears it for COMMAND's lifetime.

			--ready-url believes an answer of this machine only from COMMAND, its session and its descendants, by the socket that
			listens there: an old instance that still has the port is not the readiness of the new one.
			Where it cannot be seen who answers, as on another machine, or of file: and exec:, the URL is asked before COMMAND is
			executed, and if it is healthy already nothing is started: status 4.
			Only --ready-shared believes any answer, for servers that share a port and for proxies in front of them.
			The CHECK of exec: has the user, the limits and the environment of COMMAND, NOTIFY_SOCKET included; what a URL alone
			cannot say, it can: --ready-url 'exec:wait-healthy --once -k https://localhost/'.

			daemonize refuses to run as PID 1 of a container, because the container would exit with it.
			Let the container execute COMMAND, or use keep-alive(1).
		`,
		SeeAlso: []string{"pidbox-pidfile(7)", "keep-alive(1)", "pid-alive(1)", "pid-kill(1)", "wait-healthy(1)", "daemon(7)", "sd_notify(3)"},
		Quiet:   "do not print the PID or the directories that were made, and do not explain status 1 and 3",
		Run:     o.run,
	}
}

func (o *daemonizeOptions) run(c *applet.Call) error {
	if err := needsLinux(); err != nil {
		return err
	}
	if err := o.check(c); err != nil {
		return err
	}
	if !o.dryRun { // before anything is read, which may be there but once
		if done, err := apart(c); done {
			return err
		}
	}
	if !o.dryRun {
		return o.start(c)
	}
	if err := o.command(c); err != nil {
		return err
	}
	return o.rehearse(c)
}

// start starts it, and prints its PID.
func (o *daemonizeOptions) start(c *applet.Call) error {
	began, pid := time.Now(), 0
	err := o.command(c)
	if err == nil {
		ctx, stop := signals.Until(context.Background())
		defer stop()
		shown := o.progress(c)
		pid, err = daemon.Start(ctx, o.order)
		shown.Clear()
	}
	if err != nil {
		err = o.explain(c, err)
	}
	switch {
	case o.json:
		err = outcome{File: o.order.PIDFile, PID: pid}.print(c, began, err)
	case err == nil && !c.Quiet:
		_, err = fmt.Fprintln(c.Stdout, pid)
	default:
		return err
	}
	if err != nil && pid != 0 {
		return fmt.Errorf("process %d runs, but its PID could not be printed: %w", pid, err)
	}
	return err
}

// progress is of the wait for the pidfile, and then for COMMAND to be ready, with what is known of it last.
func (o *daemonizeOptions) progress(c *applet.Call) *applet.Progress {
	p := c.Progress(o.order.Wait, "waiting until %s is free", o.order.PIDFile)
	limit := o.order.Want.MinUptime
	if o.order.Want.Shown() {
		limit = o.order.Want.Timeout
	}
	begin := sync.OnceFunc(func() { p.Begin(limit, "waiting until %s is ready", c.Args[0]) })
	o.order.Tell = func(format string, args ...any) {
		c.Tell(format, args...)
		begin()
		p.Set("waiting until %s is ready; %s", c.Args[0], fmt.Sprintf(format, args...))
	}
	return p
}

// command completes the order with what is to run.
func (o *daemonizeOptions) command(c *applet.Call) error {
	name, path := c.Args[0], os.Getenv("PATH")
	cwd, err := os.Getwd()
	switch {
	case err != nil && strings.Contains(name, "/") && !filepath.IsAbs(name):
		return fmt.Errorf("current directory: %w", err)
	case err != nil: // as it has been removed: what needs none is found all the same
		path = strings.Join(slices.DeleteFunc(filepath.SplitList(path), func(dir string) bool { return !filepath.IsAbs(dir) }), ":")
	}
	cmd := &o.order.Command
	cmd.Args = c.Args
	if cmd.Env, err = o.environment(); err != nil {
		return err
	}
	passed, err := given(o.given, "--listen-fds")
	if err != nil {
		return err
	}
	passed.Pass(cmd)
	o.order.Instead = ungrouped(c)
	if !c.Quiet {
		o.order.Made = func(dir string) { c.Say("made the directory %s", dir) }
	}
	if cmd.User != nil {
		o.order.Rules.Trust = []int{cmd.User.UID} // it may own the directory of its pidfile
	}
	_, other := os.Stat(cmd.Dir + "/" + name)
	ambiguous := c.Given("chdir") && strings.Contains(name, "/") && !strings.HasPrefix(name, "/") && other == nil
	if cmd.Path, err = cmd.User.LookPath(name, path, cwd); err != nil && ambiguous {
		return applet.WithHint(err, "it was looked for in %s, the caller's directory, not in %s", cwd, cmd.Dir)
	}
	if ambiguous && cmd.Dir != cwd {
		c.Say("%s is taken from %s, the caller's directory, not from %s", name, cwd, cmd.Dir)
	}
	return err
}

func (o *daemonizeOptions) environment() ([]string, error) {
	var env []string
	if !o.clearEnv {
		env = os.Environ()
	}
	env = o.order.Command.User.Environ(env)
	for _, file := range o.envFiles {
		list, err := spawn.ParseEnvFile(file, o.order.Command.User, o.order.Rules.AllowInsecure)
		if err != nil {
			return nil, err
		}
		env = spawn.MergeEnv(env, list)
	}
	return spawn.MergeEnv(env, o.env), nil
}

// explain gives the outcome of a start its status and its words.
func (o *daemonizeOptions) explain(c *applet.Call, err error) error {
	var (
		died   *daemon.DiedError
		late   *daemon.NotReadyError
		caught *signals.Caught
	)
	name := c.Args[0]
	switch {
	case errors.As(err, &died):
		if !c.Quiet {
			tail(c, died.Log, died.Tail)
		}
		err = fmt.Errorf("%s: %w", name, err)
		switch ended := died.End != nil && *died.End == (spawn.Ending{}); {
		case ended && !o.order.Want.Shown():
			err = applet.WithHint(err, "--min-uptime 0 is for a COMMAND that exits, or goes to the background, by itself")
		case o.order.PIDFile == "" && lateOption(c) != "":
			err = applet.WithHint(err, "%s stands behind COMMAND; options of daemonize stand before it", lateOption(c))
		case died.Log == "":
			err = applet.WithHint(err, "-e FILE keeps its error output")
		}
		return err
	case errors.As(err, &late):
		tail(c, late.Log, late.Tail)
		return fmt.Errorf("%s: %w", name, err)
	case errors.As(err, &caught):
		return fmt.Errorf("%s: %w before it was ready; it does not run", name, err)
	}
	return err
}
