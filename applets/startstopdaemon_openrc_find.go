//go:build !pidbox_some || applet_start_stop_daemon

package applets

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
	"pidbox/lib/stop"
)

// meant makes the pattern OpenRC's: what a pidfile names is meant, whatever it runs. Without one it is a process that runs the
// file, with the name of --name for its argument zero, with all of the operands, as the user; never the script of the service.
func (o *ssd) meant() {
	p := &o.plan.pattern
	if o.given("pidfile") {
		*p = proc.Pattern{}
		return
	}
	p.Except, _ = unsigned(os.Getenv("RC_OPENRC_PID"), 10)
	args := o.operands
	run, passed := "", []string(nil)
	if o.interpreted {
		run, passed = interpreter(p.Exec)
	}
	switch {
	case run != "":
		p.Name = filepath.Base(p.Exec)
		p.Exec, args = run, append(append(passed, p.Exec), args...)
	case p.Exec != "" && o.name != "":
		p.Name, p.Zero = "", o.name
	case o.name != "":
		p.Name = filepath.Base(o.name)
	}
	for _, arg := range args {
		p.Rest += arg + "\x00"
	}
}

// interpreter is the program that the first line of a script names, and what it is passed before the script.
func interpreter(file string) (path string, args []string) {
	f, err := os.Open(file)
	if err != nil {
		return "", nil
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, 256))
	line, _, _ := strings.Cut(string(text), "\n")
	line, is := strings.CutPrefix(line, "#!")
	path, arg, _ := strings.Cut(strings.Trim(line, " \t"), " ")
	if !is || path == "" {
		return "", nil
	}
	if arg = strings.Trim(arg, " \t"); arg != "" {
		args = []string{arg}
	}
	return path, args
}

// relatedOpenrc is what OpenRC's options say against each other.
func (o *ssd) relatedOpenrc() error {
	start, files, loggers := o.action == "start", o.stdout != "" || o.stderr != "", o.outLogger != "" || o.errLogger != ""
	switch {
	case !start && o.make:
		return wrong("--make-pidfile is only relevant with --start")
	case !start && files:
		return wrong("--stdout and --stderr are only relevant with --start")
	case !start && loggers:
		return wrong("--stdout-logger and --stderr-logger are only relevant with --start")
	case files && !o.background:
		return wrong("--stdout and --stderr are only relevant with --background")
	case loggers && !o.background:
		return wrong("--stdout-logger and --stderr-logger are only relevant with --background")
	case o.stdout != "" && o.outLogger != "":
		return wrong("do not use --stdout and --stdout-logger together")
	case o.stderr != "" && o.errLogger != "":
		return wrong("do not use --stderr and --stderr-logger together")
	}
	return nil
}

// configured takes what a service's configuration has in variables, where the command line has nothing.
func (o *ssd) configured() {
	for name, value := range map[string]*string{
		"SSD_NICELEVEL": &o.nice, "SSD_IONICELEVEL": &o.io, "SSD_OOM_SCORE_ADJ": &o.oom, "SSD_STARTWAIT": &o.wait,
	} {
		if *value == "" {
			*value = os.Getenv(name)
		}
	}
}

// atHome is a path whose ~ is the home of the user that the program runs as.
func (o *ssd) atHome(path string) string {
	rest, is := strings.CutPrefix(path, "~")
	home := os.Getenv("HOME")
	if name, _, _ := strings.Cut(o.chuid, ":"); name != "" {
		if u, err := ssdUser(name); err == nil {
			home = u.Home
		}
	}
	switch login, below, _ := strings.Cut(rest, "/"); {
	case !is:
		return path
	case login == "":
		return home + rest
	default:
		u, err := spawn.ParseUser(login)
		if err != nil {
			return path
		}
		return filepath.Join(u.Home, below)
	}
}

// stopGroups stops the process groups that the processes found lead, one after the other.
func (o *ssd) stopGroups(c *applet.Call, found *matched) error {
	schedule := o.plan.schedule
	if schedule == nil {
		schedule = signals.Schedule{{Signal: o.plan.signal}}
	}
	var allow proc.Allow
	if found.holder != nil {
		allow = found.holder.Allow()
	}
	all, err := found.Families(proc.Group, allow)
	for _, f := range all {
		defer f.Close()
	}
	if err != nil {
		return err
	}
	left := 0
	for _, f := range all {
		switch _, err := stop.Run(context.Background(), f, schedule, nil); {
		case errors.Is(err, stop.ErrSurvived) && o.plan.schedule != nil:
			left++
		case err != nil && !errors.Is(err, stop.ErrSurvived) && !errors.Is(err, proc.ErrNotFound):
			return err
		}
	}
	if left > 0 {
		return o.survived(c, left)
	}
	return o.finish(c, found, len(all) > 0, 0, found.ended())
}
