//go:build linux

package main

import (
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// call is a command line of start-stop-daemon as an init script had it, and what a scene has to have for it.
type call struct {
	Package, Script, Action string
	Args                    []string
}

// meant is what the options of a call mean, as far as a scene needs to know.
type meant struct {
	action                                         string // -S, -K or -T
	exec, startas, name, pidfile, user, chuid, dir string
	group                                          string
	background, make, test                         bool
	operands                                       []string
}

// withValue are the options that have one, by letter, with their long names.
func withValue() map[string]string {
	return map[string]string{"x": "exec", "n": "name", "u": "user", "p": "pidfile", "s": "signal", "R": "retry", "a": "startas", "d": "chdir",
		"r": "chroot", "c": "chuid", "N": "nicelevel", "k": "umask", "P": "procsched", "I": "iosched", "g": "group", "O": "output",
		"pid": "pid", "ppid": "ppid", "notify-timeout": "notify-timeout"}
}

func withoutValue() map[string]string {
	return map[string]string{"S": "start", "K": "stop", "T": "status", "b": "background", "m": "make-pidfile", "t": "test", "o": "oknodo",
		"q": "quiet", "v": "verbose", "C": "no-close", "H": "help", "V": "version", "remove-pidfile": "remove-pidfile", "notify-await": "notify-await"}
}

func (c call) meaning() (m meant) {
	set := func(long, value string) {
		switch long {
		case "start", "stop", "status":
			m.action = long
		case "background":
			m.background = true
		case "make-pidfile":
			m.make = true
		case "test":
			m.test = true
		default:
			if to := map[string]*string{"exec": &m.exec, "startas": &m.startas, "name": &m.name, "pidfile": &m.pidfile, "user": &m.user,
				"chuid": &m.chuid, "chdir": &m.dir, "group": &m.group}[long]; to != nil {
				*to = value
			}
		}
	}
	valued, plain := withValue(), withoutValue()
	for args := c.Args; len(args) > 0; {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			m.operands = append(m.operands, args...)
			return m
		case strings.HasPrefix(arg, "--"):
			name, value, given := strings.Cut(arg[2:], "=")
			long, takes := named(name, valued), true
			if long == "" || !slices.Contains(slices.Collect(maps.Values(valued)), name) && named(name, plain) != "" {
				long, takes = named(name, plain), false
			}
			if takes && !given && len(args) > 0 {
				value, args = args[0], args[1:]
			}
			set(long, value)
		case len(arg) > 1 && arg[0] == '-':
			for letters := arg[1:]; letters != ""; letters = letters[1:] {
				long, takes := valued[letters[:1]]
				if !takes {
					set(plain[letters[:1]], "")
					continue
				}
				value := letters[1:]
				if value == "" && len(args) > 0 {
					value, args = args[0], args[1:]
				}
				set(long, value)
				break
			}
		default:
			m.operands = append(m.operands, arg)
		}
	}
	return m
}

// named is the option with that name, or the only one that begins like it; "" for none.
func named(name string, of map[string]string) string {
	var found []string
	for _, long := range of {
		if long == name {
			return long
		}
		if strings.HasPrefix(long, name) {
			found = append(found, long)
		}
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

// program is where the stub of a call has to be.
func (m meant) program(script string) string {
	for _, path := range []string{m.exec, m.startas} {
		if filepath.IsAbs(path) {
			return path
		}
	}
	name := m.name
	if name == "" || strings.Contains(name, "/") {
		name = script
	}
	return "/usr/sbin/" + name
}

// hurried has the waits of a schedule cut to so many seconds: over a zombie dpkg's waits for all of it.
func (c call) hurried(seconds string) []string {
	args := slices.Clone(c.Args)
	for i, arg := range args {
		before := ""
		if i > 0 {
			before = args[i-1]
		}
		if before == "--retry" || before == "-R" || strings.HasPrefix(arg, "--retry=") || strings.HasPrefix(arg, "-R") && len(arg) > 2 {
			head, list, cut := strings.Cut(arg, "=")
			if !cut {
				head, list = "", arg
			} else {
				head += "="
			}
			items := strings.Split(list, "/")
			for k, item := range items {
				if n, err := strconv.Atoi(item); err == nil && n > 0 {
					items[k] = seconds
				}
			}
			args[i] = head + strings.Join(items, "/")
		}
	}
	return args
}
