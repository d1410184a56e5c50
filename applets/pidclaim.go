package applets

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/duration"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

type pidClaimOptions struct {
	file    string
	rules   pidfile.Rules
	mode    fs.FileMode
	pid     int
	process processID
	wait    time.Duration
	dryRun  bool
	hold    bool
	json    bool
	user    *spawn.User
	dir     string
	umask   *int
	env     []string
}

// pidClaim makes a pidfile name one live process: of any number of concurrent claims one succeeds, a reader sees the
// old file or the new one, and a process that has exited is never recorded. It cannot keep the process from exiting
// a moment later, and it is of no use against programs that write the file without a lock.
func pidClaim() *applet.Applet {
	o := &pidClaimOptions{}
	return &applet.Applet{
		Name:    "pid-claim",
		Summary: "claim a pidfile for a process, or become a command that owns it",
		Synopsis: []string{
			"--pid PID[:INODE] -p FILE [--wait D] [--mode MODE]",
			"-p FILE [--user USER[:GROUP...]] [--chdir DIR] [--umask MASK] [--env K=V]... [--hold] [--] COMMAND [ARG...]",
		},
		Description: `
			The first form claims FILE for a running process, usually that of the calling script: "$$".

			The second claims it for itself, drops privileges, and then becomes COMMAND by execve(2): same process, same PID.

			A file is free if its process has exited, or if it was claimed before the last boot or in another PID namespace.
			Missing directories are made.
			An extended attribute records which process it is, so that a later process with the same PID is not mistaken for it.

			With --user, COMMAND has the groups, HOME, USER, LOGNAME and SHELL of that user, and is looked for with that user's
			rights.
			FILE and its directories are made before that, with the caller's rights.
		`,
		Operand: applet.Command,
		Options: append([]applet.Option{
			pidfileOption(&o.file, "the pidfile"),
			processOption(&o.process, "claim for this process"),
			applet.Duration(&o.wait, "wait", "D", "wait up to D until a live holder exits, instead of failing at once"),
			modeOption(&o.mode),
			userOption(&o.user),
			applet.String(&o.dir, "chdir c", "DIR", "run COMMAND in DIR").As(applet.Dir),
			umaskOption(&o.umask),
			envOption(&o.env),
			applet.Switch(&o.hold, "hold", "hold a lock on the pidfile for COMMAND's lifetime, which other PID namespaces and hosts see too"),
			outcomeOption(&o.json),
			applet.Switch(&o.dryRun, "dry-run n", "change nothing and lock nothing; print what would be done, and exit with the status it would have"),
		}, ruleOptions(&o.rules)...),
		Exclusive: [][]string{{"pid", "user"}, {"pid", "chdir"}, {"pid", "umask"}, {"pid", "env"}, {"pid", "hold"}, {"json", "dry-run"}},
		Requires:  []applet.Need{{Option: "json", OneOf: []string{"pid"}}},
		Statuses: []applet.Item{
			{Name: "0", Text: "claimed, or the process held it already"},
			{Name: "1", Text: "held by another live process"},
			{Name: "3", Text: "the process to claim it for is not running; nothing was written"},
			{Name: "4", Text: "unsafe, not permitted, or unclear which process the file names; nothing was written"},
			{Name: "64", Text: "usage"},
			{Name: "75", Text: "the pidfile is locked by another program"},
			{Name: "124", Text: "the holder was still running after --wait"},
			{Name: "125", Text: "own failure, for example a full disk; the old file is unharmed"},
			{Name: "126", Text: "COMMAND cannot be executed"},
			{Name: "127", Text: "COMMAND was not found"},
			{Name: "128+n", Text: "killed by signal n while waiting"},
		},
		Examples: []applet.Example{
			{Text: "Start a server once, from a script:", Lines: []string{
				`pid-claim --pid "$$" -p /run/web.pid || exit`,
				"exec web --port 8080",
			}},
			{Text: "The same as another user, in one line:", Lines: []string{
				"exec pid-claim -p /run/web.pid --user www-data -- web --port 8080",
			}},
			{Text: "Wait until the old one has exited, for example in a restart:", Lines: []string{
				`pid-claim --pid "$$" -p /run/web.pid --wait 30`,
			}},
		},
		Environment: []applet.Item{{Name: "PATH", Text: "where COMMAND is looked for"}},
		Files: []applet.Item{
			{Name: "FILE", Text: `the PID in decimal and a newline, mode 644; its extended attribute user.pidbox.claim, or
				trusted.pidbox.claim, is the record: who the process is, when FILE was written, its directory and its path`},
			lockItem(),
			{Name: "DIR/.pidbox-*", Text: "a file beside it that is about to replace it; a later claim removes what a killed one left"},
		},
		Caveats: `
			A claim that would not be believed afterwards is refused with status 4: if a user other than root, the caller and the
			user of the process owns FILE, one of its directories or a link on its path, or can write there by mode, group or ACL.
			The message names the component at fault, its owner and its mode; follow the hint: remove what another user made, then
			make its directory safe.
			A symbolic link, FIFO, device or directory in place of FILE, and a file of more than 4 KiB, are never claimed over.

			A directory that a group can write is accepted if FILE gets a record, which proves that no member has put it there.
			In a sticky directory such as /tmp, another user's file is replaced, whatever process it names.

			Two claims take turns by the lock file.
			The lock of FILE itself, which other programs take, is waited for, up to 5 s, if root, the caller, FILE's owner or its
			process holds it; root ignores the lock of a user who can merely read FILE, and others cannot see whose lock it is.
			A program that writes FILE without a lock can still do so.

			The lock of --hold is held until the last process that inherited the descriptor has exited: COMMAND, and every child of
			it that does not close it.
			Until then another claim ends with status 75 where it cannot see that COMMAND runs, for example in another container.

			The record counts only while FILE is as the claim wrote it: a program that writes its PID itself leaves none.
			Without a record, and where neither attribute can be stored, for example on tmpfs before Linux 6.6 without privilege,
			the file is judged by PID and times.

			From Linux 6.18 on a privileged claim also writes FILE's directory and name on the process itself, in the attribute
			trusted.pidbox.file of its pidfd.
			Such a process is the one that FILE names, whatever other users write there.

			The process may exit right after it was claimed.

			COMMAND ignores HUP and INT if the caller did, for example under nohup(1).
			Other signals that the caller ignored have their default action again: the Go runtime resets them.
			daemonize(1) resets them all.
		`,
		SeeAlso: []string{"pidbox-json(5)", "pidbox-pidfile(7)", "pid-alive(1)", "pid-kill(1)", "daemonize(1)", "flock(2)", "xattr(7)"},
		Run:     o.answer,
	}
}

func (o *pidClaimOptions) check(c *applet.Call) error {
	if o.process.pid != 0 { // sipid has the PID alone
		o.pid = o.process.pid
	}
	switch {
	case o.pid != 0 && len(c.Args) > 0 && o.file == "":
		return applet.Usage("unexpected operand %q; did you mean -p %s?", c.Args[0], c.Args[0])
	case o.pid != 0 && len(c.Args) > 0:
		return applet.Usage("unexpected operand %q: --pid is for a process that is already running", c.Args[0])
	}
	if err := needPidfile(o.file); err != nil {
		return err
	}
	switch {
	case o.pid == 0 && len(c.Args) == 0:
		return applet.Usage("no process (--pid PID) and no COMMAND given")
	case o.pid == 0:
		if err := needCommand(c); err != nil {
			return err
		}
	}
	return checkMode(o.mode, o.rules)
}

// answer is run, and its outcome as an object if that was asked for.
func (o *pidClaimOptions) answer(c *applet.Call) error {
	began := time.Now()
	err := o.run(c)
	if o.json {
		return outcome{File: o.file, PID: o.pid}.print(c, began, err)
	}
	return err
}

func (o *pidClaimOptions) run(c *applet.Call) error {
	if err := o.check(c); err != nil {
		return err
	}
	var command *spawn.Command
	if len(c.Args) > 0 {
		var err error
		if command, err = o.command(c.Args); err != nil {
			return err
		}
	}
	p, err := proc.OpenInode(o.pid, o.process.inode)
	if err != nil {
		return err
	}
	defer p.Close()
	if o.dryRun {
		return o.rehearse(c, p, command)
	}
	r, err := pidfile.Claim(context.Background(), o.file, p, o.rules, o.mode, o.wait)
	if err != nil {
		return err
	}
	o.tell(c, r)
	if command == nil {
		r.Close()
		return nil
	}
	return o.become(r, command)
}

// become is COMMAND from here on, or else the claim is taken back.
func (o *pidClaimOptions) become(r *pidfile.Reservation, command *spawn.Command) (err error) {
	if o.hold {
		var lock *os.File
		if lock, err = r.LockFile(); err == nil {
			command.Keep = []*os.File{lock}
		}
	}
	r.Close() // now, for COMMAND would not remove the lock file
	if err == nil {
		err = spawn.Exec(*command)
	}
	for _, lock := range command.Keep {
		lock.Close()
	}
	removed := make(chan error)
	go func() { // on another thread: this one may have given up the right to
		removed <- pidfile.ReleaseIfOurs(context.Background(), o.file, o.rules, o.pid)
	}()
	<-removed // where all have, the file is stale as soon as this process has exited
	return err
}

// command is what this process becomes. A command that is not there is found before anything is claimed.
func (o *pidClaimOptions) command(args []string) (*spawn.Command, error) {
	o.pid = os.Getpid()
	if o.user != nil {
		o.rules = o.rules.Trusting(o.user.UID)
	}
	env := spawn.MergeEnv(o.user.Environ(os.Environ()), o.env)
	path := ""
	for _, kv := range env {
		if value, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = value
		}
	}
	dir := o.dir
	if dir != "" { // a path from where we are now leads nowhere once COMMAND's directory is entered
		if abs, err := filepath.Abs(dir); err == nil {
			dir = abs
		}
	}
	file, err := o.user.LookPath(args[0], path, dir)
	if err != nil && o.dir == "" {
		return nil, err
	}
	if err != nil { // perhaps the directory is at fault, and Exec knows
		file = args[0]
	}
	return &spawn.Command{Path: file, Args: args, Env: env, Dir: o.dir, Umask: o.umask, User: o.user}, nil
}

// tell says what stood in the file, where that is a surprise.
func (o *pidClaimOptions) tell(c *applet.Call, r *pidfile.Reservation) {
	was := r.Holder
	switch {
	case was.Garbage != "":
		c.Say("%s: claimed over %s, which is not a PID", o.file, was.Garbage)
	case was.State == pidfile.Foreign:
		c.Say("%s: claimed over: %s", o.file, was.Why)
	case was.State != pidfile.Absent:
		c.Tell("%s: %s", o.file, was.Why)
	}
	c.Tell("%s: claimed for process %d", o.file, o.pid)
	if !r.Recorded {
		c.Tell("%s: its file system cannot store the record of the claim", o.file)
	}
}

// rehearse answers as a claim would, by a look without locks. A holder that would be waited for is taken to stay.
func (o *pidClaimOptions) rehearse(c *applet.Call, p *proc.Handle, command *spawn.Command) error {
	h, err := pidfile.Peek(o.file, p, o.rules)
	var held *pidfile.HeldError
	if errors.As(err, &held) && o.wait > 0 {
		return applet.Fail(applet.TimedOut, "%w; would wait up to %s until it exits", err, duration.Format(o.wait))
	}
	if err != nil {
		return err
	}
	defer h.Close()
	if command != nil {
		if err := untold(c, spawn.Rehearse(*command)); err != nil {
			return err
		}
	}
	c.Say("would claim %s for process %d (%s)", o.file, o.pid, h.Why)
	if command != nil {
		c.Say("would then run %s", c.Args[0])
	}
	return nil
}
