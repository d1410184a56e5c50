//go:build !pidbox_some || applet_keep_alive

package applets

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"pidbox/lib/applet"
	"pidbox/lib/signals"
	"pidbox/lib/sockets"
)

// checkAsked is check for an order to a keep-alive that runs.
func (o *keepAliveOptions) checkAsked(c *applet.Call) error {
	switch {
	case len(c.Args) > 0 && o.PIDFile == "":
		return applet.Usage("unexpected operand %q; did you mean -p %s?", c.Args[0], c.Args[0])
	case len(c.Args) > 0:
		order := map[bool]string{o.status: "status", o.restart: "restart", o.stop: "stop"}[true]
		return applet.Usage("unexpected operand %q: --%s asks the keep-alive of %s and takes no COMMAND", c.Args[0], order, o.PIDFile)
	}
	return needPidfile(o.PIDFile)
}

// check refuses what does not go together, and makes every path absolute.
func (o *keepAliveOptions) check(c *applet.Call) error {
	if err := checkStopCommand(o.StopBy, o.Schedule); err != nil {
		return err
	}
	if o.status || o.restart || o.stop {
		return o.checkAsked(c)
	}
	if o.detach && o.PIDFile == "" {
		return applet.Usage("--detach needs a pidfile (-p FILE), by which it can be stopped")
	}
	switch {
	case o.detach && (o.Command.Output.Stdout == "-" || o.Command.Output.Stderr == "-"):
		return applet.Usage("--detach cannot be combined with '-o -' or '-e -': name a log file")
	case o.detach && os.Getpid() == 1:
		return applet.Usage("--detach cannot be used as PID 1: the container would exit")
	}
	if err := needCommand(c); err != nil {
		return err
	}
	paths := []*string{&o.PIDFile, &o.ChildPIDFile, &o.Log.Path, &o.Command.Output.Stdout, &o.Command.Output.Stderr,
		&o.Command.Dir, &o.Follow}
	for i := range o.Command.EnvFiles {
		paths = append(paths, &o.Command.EnvFiles[i])
	}
	for _, path := range paths {
		if *path == "" || *path == "-" {
			continue
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = abs
	}
	if o.PIDFile != "" && applet.SameFile(o.childFile(), o.PIDFile) {
		return applet.Usage("--pid-file and --child-pid-file name the same file")
	}
	if o.Follow != "" && (o.PIDFile != "" && applet.SameFile(o.Follow, o.PIDFile) || o.childFile() != "" && applet.SameFile(o.Follow, o.childFile())) {
		return applet.Usage("--follow-pid-file names a pidfile of keep-alive's: it is for the one that COMMAND writes")
	}
	if o.Command.Dir != "" {
		info, err := os.Stat(o.Command.Dir)
		switch {
		case err != nil && o.Command.User.MayReach(err):
		case err != nil:
			return err
		case !info.IsDir():
			return applet.Fail(applet.Failed, "%s: not a directory", o.Command.Dir)
		}
	}
	for i, a := range o.Command.Listen {
		if slices.ContainsFunc(o.Command.Listen[:i], func(b sockets.Address) bool { return b.String() == a.String() }) {
			return applet.Usage("--listen %s is given twice", a)
		}
	}
	if n := o.Ready.Descriptor; n > 0 && n < sockets.First+len(o.Command.Listen) || n > 0 && n < sockets.First+sockets.Most && o.given {
		return applet.Usage("--notify-fd %d is the descriptor of a socket: take one from %d on", n, sockets.First+sockets.Most)
	}
	if len(o.Command.Listen) > sockets.Most {
		return applet.Usage("--listen: no more than %d sockets can be passed on", sockets.Most)
	}
	return o.checkSignals(c)
}

func (o *keepAliveOptions) checkSignals(c *applet.Call) error {
	used := map[syscall.Signal]string{syscall.SIGKILL: "cannot be caught", syscall.SIGSTOP: "cannot be caught"}
	claim := func(option string, sig syscall.Signal) error {
		if by := used[sig]; by != "" {
			return applet.Usage("%s %s: %s", option, signals.Name(sig), by)
		}
		used[sig] = "is already used by " + option
		return nil
	}
	var errs []error
	for option, sig := range map[string]syscall.Signal{"--leave-on": o.Signals.Leave, "--reopen-on": o.Signals.Reopen} {
		if sig != 0 {
			errs = append(errs, claim(option, sig))
		}
	}
	for _, sig := range o.Signals.Stop {
		if used[sig] == "" || sig == syscall.SIGKILL || sig == syscall.SIGSTOP {
			errs = append(errs, claim("--stop-on", sig))
		}
	}
	if !c.Given("signal-forward") { // the default gives way
		o.Signals.Forward = slices.DeleteFunc(forwarded(), func(s syscall.Signal) bool { return used[s] != "" })
	} else {
		used[syscall.SIGTERM], used[syscall.SIGINT] = "stops COMMAND", "stops COMMAND"
		for _, sig := range o.Signals.Forward {
			errs = append(errs, claim("--signal-forward", sig))
		}
	}
	return errors.Join(errs...)
}

// forwarded is what COMMAND gets without --signal-forward. A HUP that was ignored when we began, as by nohup(1), stays so.
func forwarded() []syscall.Signal {
	switch {
	case os.Getpid() == 1:
		return []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH}
	case signals.Ignored(syscall.SIGHUP):
		return nil
	}
	return []syscall.Signal{syscall.SIGHUP}
}
