package applets

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"pidbox/lib/applet"
	"pidbox/lib/signals"
)

// check refuses what does not go together, and makes every path absolute.
func (o *keepAliveOptions) check(c *applet.Call) error {
	asks := o.status || o.restart
	switch {
	case o.PIDFile == "":
		return applet.Usage("no pidfile given (-p FILE)")
	case o.status && o.restart:
		return applet.Usage("--status and --restart exclude each other")
	case asks && len(c.Args) > 0:
		return applet.Usage("unexpected operand %q", c.Args[0])
	case asks:
		return nil
	case o.detach && o.Notify:
		return applet.Usage("--detach and --notify exclude each other")
	case o.detach && (o.Command.Output.Stdout == "-" || o.Command.Output.Stderr == "-"):
		return applet.Usage("--detach: there is no output of keep-alive to share: name a file")
	case o.detach && os.Getpid() == 1:
		return applet.Usage("--detach: this is PID 1, and all would end with it")
	case o.json:
		return applet.Usage("--json goes with --status or --restart")
	case len(c.Args) == 0 || c.Args[0] == "":
		return applet.Usage("COMMAND is missing")
	}
	for _, path := range []*string{&o.PIDFile, &o.ChildPIDFile, &o.Log.Path, &o.Command.Output.Stdout, &o.Command.Output.Stderr, &o.Command.Dir} {
		if *path == "" || *path == "-" {
			continue
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = abs
	}
	if sameFile(o.childFile(), o.PIDFile) {
		return applet.Usage("--pid-file and --child-pid-file name one file")
	}
	if o.Signals.Reopen != 0 && o.Log.Path == "" {
		return applet.Usage("--reopen-on goes with --log")
	}
	if o.Command.Dir != "" {
		info, err := os.Stat(o.Command.Dir)
		switch {
		case o.Command.User != nil && (errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ESTALE)): // USER may enter it
		case err != nil:
			return err
		case !info.IsDir():
			return applet.Fail(applet.Failed, "%s: not a directory", o.Command.Dir)
		}
	}
	if err := checkMode(o.Mode, o.Rules); err != nil {
		return err
	}
	return o.checkSignals()
}

func (o *keepAliveOptions) checkSignals() error {
	used := map[syscall.Signal]string{syscall.SIGKILL: "cannot be caught", syscall.SIGSTOP: "cannot be caught"}
	claim := func(option string, sig syscall.Signal) error {
		if by := used[sig]; by != "" {
			return applet.Usage("%s %s: %s", option, signals.Name(sig), by)
		}
		used[sig] = "is used by " + option + " already"
		return nil
	}
	var errs []error
	for option, sig := range map[string]syscall.Signal{"--leave-on": o.Signals.Leave, "--reopen-on": o.Signals.Reopen} {
		if sig != 0 {
			errs = append(errs, claim(option, sig))
		}
	}
	if !o.forwardGiven { // the default gives way
		o.Signals.Forward = slices.DeleteFunc(forwarded(), func(s syscall.Signal) bool { return used[s] != "" })
	} else {
		used[syscall.SIGTERM], used[syscall.SIGINT] = "stops COMMAND", "stops COMMAND"
		for _, sig := range o.Signals.Forward {
			errs = append(errs, claim("--signal-forward", sig))
		}
	}
	return errors.Join(errs...)
}

// forwarded is what COMMAND gets where nobody says. A HUP that was ignored when we began, as by nohup(1), stays so.
func forwarded() []syscall.Signal {
	switch {
	case os.Getpid() == 1:
		return []syscall.Signal{syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH}
	case signals.Ignored(syscall.SIGHUP):
		return nil
	}
	return []syscall.Signal{syscall.SIGHUP}
}

// sameFile also holds for two names of a file that is not there yet.
func sameFile(a, b string) bool {
	return isOne(a, b) || filepath.Base(a) == filepath.Base(b) && isOne(filepath.Dir(a), filepath.Dir(b))
}

func isOne(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return a == b
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
