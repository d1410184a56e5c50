package applets

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

// pidClaim makes a pidfile name one live process, or none: of any number of concurrent claims one succeeds, a
// reader sees the old file or the new one, and a process that has ended is never written down. It cannot keep the
// process from ending a moment later, and it is of no use against programs that write the file without asking.
type pidClaim struct {
	file    string
	rules   pidfile.Rules
	mode    fs.FileMode
	pid     int
	wait    time.Duration
	dryRun  bool
	command commandOptions
}

// commandOptions is what becomes of this process when it execs a command.
type commandOptions struct {
	user  *spawn.User
	dir   string
	umask fs.FileMode
	mask  bool // umask was given
	env   []string
}

func newPidClaim() *applet.Applet {
	o := &pidClaim{}
	return &applet.Applet{
		Name:    "pid-claim",
		Summary: "claim a pidfile for a process, or for itself and then become a command",
		Synopsis: []string{
			"--pid PID -p FILE [--wait D] [--mode MODE]",
			"-p FILE [--user USER[:GROUP]] [--chdir DIR] [--umask MASK] [--env K=V]... [--] COMMAND [ARG...]",
		},
		Description: []string{
			"The first form claims FILE for a running process, usually that of the calling script: \"$$\".",
			"The second claims it for itself, drops privileges, and then becomes COMMAND by execve(2): same process, same number.",
			"A file whose process has ended, or that was claimed before the last boot or in another PID namespace, is free. Missing directories are made. " +
				"Who the process is goes on record in an extended attribute, so that a later process with its number is not taken for it.",
		},
		Options: append([]applet.Option{
			pidfileOption(&o.file),
			applet.Parsed(&o.pid, "pid", "PID", "claim for this process", parsePID),
			applet.Duration(&o.wait, "wait", "D", "wait up to D for the end of a live holder, instead of failing at once"),
			modeOption(&o.mode),
			applet.Parsed(&o.command.user, "user u", "USER[:GROUP]", "run COMMAND as this user, with all groups of the user", spawn.ParseUser).As(applet.User),
			applet.String(&o.command.dir, "chdir c", "DIR", "run COMMAND in DIR").As(applet.Dir),
			applet.Mode(&o.command.umask, "umask", "MASK", "run COMMAND with this umask, in octal"),
			applet.Set("env E", "K=V", "set a variable for COMMAND", o.command.setEnv),
			applet.Switch(&o.dryRun, "dry-run n", "change nothing; say what would be done, with the status it would have"),
		}, ruleOptions(&o.rules)...),
		Statuses: []applet.Item{
			{Name: "0", Text: "claimed, or it was the process's already"},
			{Name: "1", Text: "held by another live process"},
			{Name: "3", Text: "the process to claim it for is not running; nothing was written"},
			{Name: "4", Text: "unsafe, no permission, or it cannot be told whose the file is; nothing was written"},
			{Name: "64", Text: "usage"},
			{Name: "75", Text: "the pidfile is locked by another program"},
			{Name: "124", Text: "the holder was still alive after --wait"},
			{Name: "125", Text: "own failure, as a full disk; the old file is unharmed"},
			{Name: "126", Text: "COMMAND cannot be executed"},
			{Name: "127", Text: "COMMAND was not found"},
		},
		Examples: []applet.Example{
			{Text: "Start a server once, from a script:", Lines: []string{`pid-claim --pid "$$" -p /run/web.pid || exit`, "exec web --port 8080"}},
			{Text: "The same as another user, in one line:", Lines: []string{"exec pid-claim -p /run/web.pid --user www-data -- web --port 8080"}},
			{Text: "Wait until the old one has ended, as in a restart:", Lines: []string{`pid-claim --pid "$$" -p /run/web.pid --wait 30`}},
		},
		Files: []applet.Item{
			{Name: "FILE", Text: "the process id in decimal and a newline, mode 644"},
			{Name: ".pidbox-*", Text: "a file beside it that is about to take its place; what a killed claim left is removed by the next"},
		},
		Caveats: []string{
			"The directory and the file are locked with flock(2) while they are judged and replaced, so that two claims take turns. A program that writes the file without these locks can still do so.",
			"Only the file system's xattrs tell a process from a later one with its number. Where there are none, as on tmpfs before Linux 6.6 without privilege, the file is judged by the number and by times.",
			"The process may end right after it was claimed.",
		},
		SeeAlso: []string{"pid-alive(1)", "pid-kill(1)", "daemonize(1)", "flock(2)", "xattr(7)"},
		Run:     o.run,
	}
}

func (o *commandOptions) setEnv(s string) error {
	kv, err := spawn.ParseEnv(s)
	o.env = append(o.env, kv)
	return err
}

func (o *pidClaim) check(c *applet.Call) error {
	switch {
	case o.file == "":
		return applet.Usage("no pidfile given (-p FILE)")
	case o.pid == 0 && len(c.Args) == 0:
		return applet.Usage("neither a process (--pid PID) nor a COMMAND given")
	case o.pid != 0 && len(c.Args) > 0:
		return applet.Usage("both --pid %d and the command %q given", o.pid, c.Args[0])
	}
	return checkMode(o.mode, o.rules)
}

func (o *pidClaim) run(c *applet.Call) error {
	if err := o.check(c); err != nil {
		return err
	}
	var cmd *spawn.Command
	var err error
	if len(c.Args) > 0 {
		if cmd, err = o.command.command(c.Args); err != nil {
			return commandError(err)
		}
		o.pid = os.Getpid()
		if o.command.user != nil {
			o.rules.Trust = []int{o.command.user.UID}
		}
	}
	p, err := proc.Open(o.pid)
	if err != nil {
		return pidfileError(err)
	}
	defer p.Close()
	if o.dryRun {
		return o.rehearse(c, p)
	}
	r, err := pidfile.Claim(context.Background(), o.file, p, o.rules, o.mode, o.wait)
	if err != nil {
		return pidfileError(err)
	}
	defer r.Close()
	o.tell(c, r)
	if cmd == nil {
		return nil
	}
	err = spawn.Exec(*cmd)
	r.Remove() // the rights to do so may be gone; then the file is stale as soon as this process is
	return commandError(err)
}
