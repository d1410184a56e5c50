package applets

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/spawn"
)

// needCommand wants a COMMAND among the operands.
func needCommand(c *applet.Call) error {
	switch {
	case len(c.Args) == 0:
		return applet.Usage("no COMMAND given")
	case c.Args[0] == "":
		return applet.Usage("the COMMAND is empty")
	}
	return nil
}

// errorFile is the file of -e, by which docker run means a variable.
func errorFile(s string) (string, error) {
	name, _, assigned := strings.Cut(s, "=")
	if assigned && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == "" {
		return "", fmt.Errorf("%q is a variable, for which there is -E; write ./%s for a file of that name", s, s)
	}
	return applet.FileName(s)
}

func userOption(to **spawn.User) applet.Option {
	return applet.Parsed(to, "user u", "USER[:GROUP...]",
		"run COMMAND as this user, by name or ID, with all groups, HOME, USER, LOGNAME and SHELL of the user, who owns the logs "+
			"that are made; a GROUP becomes the primary one, and further ones replace all others", spawn.ParseUser).As(applet.User)
}

// cgroupOption is --cgroup, with what is stopped where there is no control group.
func cgroupOption(to *bool, stops string) applet.Option {
	return applet.Switch(to, "cgroup", "run COMMAND in a control group of its own, which nothing leaves by a fork, "+stops+
		"; where there can be none, what is used instead is said")
}

// ungrouped says what there is in place of a control group of version 2.
func ungrouped(c *applet.Call) func(string, error) {
	return func(what string, why error) { c.Say("%v; %s is used instead", why, what) }
}

func umaskOption(to **int) applet.Option {
	return applet.Parsed(to, "umask", "MASK", "run COMMAND with this umask, in octal (default the caller's)",
		applet.Pointer(applet.Mask))
}

func envOption(to *[]string) applet.Option {
	return applet.Each(to, "env E", "K=V", "set a variable for COMMAND", spawn.ParseEnv)
}

func envFileOption(to *[]string) applet.Option {
	return applet.Strings(to, "env-file", "FILE",
		`set the variables in FILE: lines of K=V, # comments, 'single' or "double" quotes, no expansion; -E comes after`).
		As(applet.File)
}

func clearEnvOption(to *bool) applet.Option {
	return applet.Switch(to, "clear-env", "start from an empty environment instead of the caller's")
}

// untold accepts what a look cannot tell, and says so.
func untold(c *applet.Call, err error) error {
	var unknown *spawn.UntoldError
	if errors.As(err, &unknown) {
		c.Say("%v", unknown)
		return nil
	}
	return err
}

// directory parses the name of a directory, from the caller's.
func directory(s string) (string, error) {
	if _, err := applet.FileName(s); err != nil {
		return "", err
	}
	return filepath.Abs(s)
}
