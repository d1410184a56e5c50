//go:build !pidbox_some || applet_pid_claim || applet_sipid || applet_start_stop_daemon

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
	"pidbox/lib/cgroup"
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
	cgroup  bool
	given   bool
	json    bool
	user    *spawn.User
	dir     string
	umask   *int
	env     []string
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
	if len(c.Args) == 2 && o.file == "" && o.pid == 0 {
		pid, file := c.Args[0], c.Args[1]
		if _, err := applet.PID(file); err == nil {
			pid, file = file, pid
		}
		if _, err := applet.PID(pid); err == nil {
			return applet.Usage("no pidfile given (--pid-file FILE); did you mean --pid %s -p %s?", pid, file)
		}
	}
	if err := needPidfileBefore(c, o.file); err != nil {
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
	if !c.Quiet {
		o.rules.Made = func(dir string) { c.Say("made the directory %s", dir) }
	}
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
			if _, isPID := applet.PID(c.Args[0]); isPID == nil {
				err = applet.WithHint(err, "write --pid %s for a process that is running", c.Args[0])
			}
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
	passed, err := given(o.given, "--listen-fds")
	if err != nil {
		return err
	}
	if passed != nil {
		passed.Announce(command)
		passed.Close(false) // copies: an exec passes on what is open
	}
	leave, err := o.enter(c, p)
	if err != nil {
		return err
	}
	defer leave()
	what := "waiting for the lock of %s"
	if o.wait > 0 {
		what = "waiting for the process that holds %s to exit"
	}
	shown := c.Progress(o.wait, what, o.file)
	r, err := pidfile.Claim(context.Background(), o.file, p, o.rules, o.mode, o.wait)
	shown.Clear()
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

// enter moves this process into a control group of its own, if asked. leave moves it back.
func (o *pidClaimOptions) enter(c *applet.Call, p *proc.Handle) (leave func(), err error) {
	if !o.cgroup {
		return func() {}, nil
	}
	g, leave, err := cgroup.Enter(p)
	switch {
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, fs.ErrPermission):
		c.Say("%v; COMMAND runs without one", err)
		return func() {}, nil
	case err != nil:
		return nil, err
	case g.Version() != 2:
		c.Say("no control group of version 2 is available: %v; the freezer of version 1 is used instead", g.Why())
	}
	o.rules.Cgroup = g.Mark()
	return leave, nil
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
