package applets

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/pidfile"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// pidfileOption is the pidfile of an applet that takes one. A second is refused rather than the first forgotten.
func pidfileOption(to *string, text string) applet.Option {
	return applet.Set("p pid-file pidfile", "FILE", text, func(s string) error {
		if *to != "" {
			return fmt.Errorf("given twice (already %s)", *to)
		}
		*to = s
		_, err := pidfileName(s)
		return err
	}).As(applet.File)
}

func pidfileName(s string) (string, error) {
	if strings.HasSuffix(s, "/") && s != "/" {
		return "", fmt.Errorf("%q is a directory", s)
	}
	return applet.FileName(s)
}

// pidfileOperand lets FILE stand without -p where nothing else can. A number is refused: it could be a PID.
func pidfileOperand() applet.Operands {
	return applet.Operands{Option: "pid-file", Check: func(s string) error {
		if _, err := applet.PID(s); err == nil {
			return fmt.Errorf("a PID is not a pidfile; write ./%s if a pidfile has that name", s)
		}
		if _, err := signals.Parse(s); err == nil && s == strings.ToUpper(s) {
			return fmt.Errorf("a signal is given by --signal %s; write ./%s if a pidfile has that name", s, s)
		}
		if s == "kill" || s == "stop" {
			return fmt.Errorf("pid-kill always stops; write ./%s if a pidfile has that name", s)
		}
		return nil
	}}
}

// believed is the caveat of all that act on a pidfile: who could have written it, and what is refused.
const believed = `
	A pidfile has the authority of those who could have determined what it says, and no more: its owner, all who can write
	to it or replace it in one of its directories, by mode, group or ACL, and the owners of links on its path.
	If one of them could not do himself what is done on its word, such as to signal the process or to remove a stale file,
	the answer is status 4, with the component at fault, its owner and its mode.
	Follow the hint: remove what another user made, then make its directory safe.
	--allow-insecure accepts all of it.

	Status 4 is also the answer to a symbolic link, FIFO, device or directory in place of FILE, and to a file of more than
	4 KiB or without a PID on its first line.
	It is the answer as well where nothing shows that the process is the one meant: for a process that started after a file
	without a record was written, unless --unrecorded decides, and for process 1 without a record, unless it meets --match-exec,
	--match-name or --match-user.
`

// recordText is the description of a pidfile in FILES, for those that read one.
const recordText = `the pidfile; the record of the claim, in its extended attribute user.pidbox.claim (or trusted.pidbox.claim),
	counts only if FILE was not written since`

// lockItem is the lock file in FILES, for those that claim or remove a pidfile.
func lockItem() applet.Item {
	return applet.Item{Name: "DIR/.NAME.lock", Text: `beside the pidfile DIR/NAME, locked while that is claimed or removed, and then
		removed; only those who may change DIR can open it`}
}

func needPidfile(file string) error {
	if file == "" {
		return applet.Usage("no pidfile given (--pid-file FILE)")
	}
	return nil
}

// needPidfileBefore is needPidfile for an applet with a COMMAND, which is named: it may have been meant as the pidfile, or
// have it among its arguments.
func needPidfileBefore(c *applet.Call, file string) error {
	err := needPidfile(file)
	switch late := lateOption(c); {
	case err == nil || len(c.Args) == 0:
		return err
	case late != "":
		return applet.Usage("%w: %s stands behind COMMAND, which is %s", err, late, c.Args[0])
	}
	if meant := c.Args[0]; strings.HasSuffix(meant, ".pid") || strings.Contains(meant, "/run/") {
		return applet.Usage("%w; did you mean -p %s?", err, meant)
	}
	return applet.Usage("%w: %s is taken for COMMAND", err, c.Args[0])
}

// lateOption is the first argument of COMMAND that gives a pidfile, or "".
func lateOption(c *applet.Call) string {
	for _, arg := range c.Args {
		name, _, _ := strings.Cut(arg, "=")
		if name == "-p" || name == "--pid-file" || name == "--pidfile" {
			return arg
		}
	}
	return ""
}

// ruleOptions are how a pidfile is judged.
func ruleOptions(to *pidfile.Rules) []applet.Option {
	return []applet.Option{
		applet.Switch(&to.AllowInsecure, "allow-insecure", "act on a pidfile that other users could have written"),
		applet.Parsed(&to.Unrecorded, "unrecorded", "VERDICT",
			"how to treat a process that started after a pidfile without a record was written: doubt (the default), running or stale",
			unrecorded),
		applet.String(&to.Match.Exec, "match-exec", "PATH",
			"for a pidfile without a record, require this executable of the process").As(applet.File),
		applet.Parsed(&to.Match.Name, "match-name", "NAME", "for a pidfile without a record, require this name", matchName),
		applet.Parsed(&to.Match.User, "match-user", "USER", "for a pidfile without a record, require this user",
			func(s string) (string, error) {
				_, err := spawn.ParseUser(s)
				return s, err
			}).As(applet.User),
	}
}

func matchName(s string) (string, error) {
	switch {
	case s == "":
		return "", errors.New("the value is empty")
	case strings.Contains(s, "/"):
		return "", fmt.Errorf("%q is a path; write --match-exec", s)
	}
	return s, nil
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
	return 0, fmt.Errorf("%q is not doubt, running or stale", s)
}

// modeOption is the mode of a pidfile that is written.
func modeOption(to *fs.FileMode) applet.Option {
	const text = "the pidfile's mode in octal, exactly (default 644 less the umask)"
	return applet.Parsed(to, "mode", "MODE", text, func(s string) (fs.FileMode, error) {
		mode, err := applet.Mode(s)
		if err == nil && mode&0o400 == 0 {
			err = fmt.Errorf("%q: the owner could not read the pidfile", s)
		}
		return mode, err
	})
}

// checkMode refuses a mode with which the pidfile would not be trusted.
func checkMode(mode fs.FileMode, rules pidfile.Rules) error {
	if mode&0o022 != 0 && !rules.AllowInsecure {
		return applet.Usage("--mode %03o: a group- or world-writable pidfile is never trusted", mode)
	}
	return nil
}
