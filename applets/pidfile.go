package applets

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/duration"
	"pidbox/lib/pidfile"
	"pidbox/lib/spawn"
)

// pidfileOption is the pidfile of an applet that takes one. A second is refused rather than the first forgotten.
func pidfileOption(to *string) applet.Option {
	return applet.Set("p pid-file pidfile", "FILE", "the pidfile", func(s string) error {
		if *to != "" {
			return fmt.Errorf("%s was given already, and there is one pidfile", *to)
		}
		*to = s
		return pidfileName(s)
	}).As(applet.File)
}

func pidfileName(s string) error {
	switch {
	case s == "":
		return errors.New("the name is empty")
	case strings.HasSuffix(s, "/") && s != "/":
		return fmt.Errorf("%q names a directory", s)
	}
	return nil
}

// ruleOptions are how a pidfile is judged.
func ruleOptions(to *pidfile.Rules) []applet.Option {
	return []applet.Option{
		applet.Switch(&to.AllowInsecure, "allow-insecure", "act on a pidfile that other users could have written"),
		applet.Parsed(&to.Unrecorded, "unrecorded", "VERDICT", "what a process is that started after the pidfile was written, where that has no record of it: doubt (the default), running or stale", unrecorded),
		applet.String(&to.Match.Exec, "match-exec", "PATH", "the executable of the process, where the pidfile has no record of it; another process is not the one").As(applet.File),
		applet.String(&to.Match.Name, "match-name", "NAME", "its name, likewise"),
		applet.Set("match-user", "USER", "its user, likewise", func(s string) error {
			to.Match.User = s
			_, err := spawn.ParseUser(s)
			return err
		}).As(applet.User),
	}
}

func unrecorded(s string) (pidfile.State, error) {
	switch s {
	case "doubt":
		return pidfile.Doubtful, nil
	case "running":
		return pidfile.Running, nil
	case "stale":
		return pidfile.Stale, nil
	}
	return 0, fmt.Errorf("%q is neither doubt, running nor stale", s)
}

// modeOption is the mode of a pidfile that is written.
func modeOption(to *fs.FileMode) applet.Option {
	o := applet.Mode(to, "mode", "MODE", "the pidfile's mode in octal, exactly (default 644 less the umask)")
	set := o.Value.Set
	return applet.Set("mode", o.Arg, o.Text, func(s string) error {
		err := set(s)
		if err == nil && *to == 0 { // which would stand for none given
			err = fmt.Errorf("%q: its owner could not read the pidfile", s)
		}
		return err
	})
}

// checkMode refuses a mode with which the pidfile could not be read, or not be trusted.
func checkMode(mode fs.FileMode, rules pidfile.Rules) error {
	switch {
	case mode == 0:
		return nil
	case mode&0o400 == 0:
		return applet.Usage("--mode %03o: its owner could not read the pidfile", mode)
	case mode&0o022 != 0 && !rules.AllowInsecure:
		return applet.Usage("--mode %03o: others could write the pidfile, and nothing would trust it", mode)
	}
	return nil
}

// parsePID reads a process number of a command line.
func parsePID(s string) (int, error) {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' || n > (1<<31-1)/10 {
			n = 0
			break
		}
		n = 10*n + int(c-'0')
	}
	if n < 1 || n > 1<<31-1 {
		return 0, fmt.Errorf("%q is not a process id", s)
	}
	return n, nil
}

// parseDuration reads a duration of which it matters whether it was given.
func parseDuration(s string) (*time.Duration, error) {
	d, err := duration.Parse(s)
	return &d, err
}
