//go:build !pidbox_some || applet_start_stop_daemon

package applets

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// ssdPlan is what the texts of a command line came to.
type ssdPlan struct {
	pid      int
	pattern  proc.Pattern
	nothing  bool // no process can match
	signal   syscall.Signal
	schedule signals.Schedule // nil: the signal alone
	timeout  time.Duration
	wait     time.Duration
	sched    *spawn.Scheduler
	schedAs  string
	io       *int
	ioAs     string
	umask    *int
	user     *spawn.User
	group    string // as it was given
	oom      *int
	secbits  *int
	caps     *[]string
}

// misuse is a wrong command line: the message, and the way to the help, as getopt's users print it.
type misuse struct{ error }

func wrong(format string, args ...any) error { return misuse{fmt.Errorf(format, args...)} }

// check turns texts into a plan, and refuses them in dpkg's words and order, which scripts' logs are read for.
func (o *ssd) check() error {
	p, err := &o.plan, error(nil)
	parse := func(value string, f func(string) error, names ...string) { // an empty value, of an unset variable, is one
		if err == nil && slices.ContainsFunc(names, o.given) {
			err = f(value)
		}
	}
	if p.signal = syscall.SIGTERM; o.actions > 1 {
		return wrong("only one command can be specified")
	}
	parse(o.pid, func(s string) (err error) { p.pid, err = ssdPID("pid", s); return }, "pid")
	parse(o.ppid, func(s string) (err error) { p.pattern.Parent, err = ssdPID("ppid", s); return }, "ppid")
	parse(o.signal, func(s string) (err error) { p.signal, err = o.signalOf(s); return }, "signal")
	parse(o.retry, func(s string) (err error) { p.schedule, err = o.scheduleOf(s); return }, "retry")
	parse(o.procsched, o.scheduler, "procsched", "scheduler")
	parse(o.io, o.ioScheduler, "iosched", "ionice")
	parse(o.umask, o.mask, "umask")
	parse(o.notifyTimeout, func(s string) error {
		n, ok := unsigned(s, 10)
		if !ok {
			return wrong("invalid notify timeout value")
		}
		p.timeout = time.Duration(n) * time.Second
		return nil
	}, "notify-timeout")
	if err == nil {
		err = o.related()
	}
	if err == nil {
		err = o.values()
	}
	if err == nil {
		err = o.resolve()
	}
	return err
}

// related is what the options say against each other.
func (o *ssd) related() error {
	start, others := o.action == "start", o.dialect.name != "dpkg" // in which the program alone is enough
	matched := slices.ContainsFunc([]string{"exec", "pid", "ppid", "pidfile", "user", "name"}, o.given) || others && o.exec != ""
	switch {
	case o.action == "":
		return wrong("need one of --start or --stop or --status")
	case !matched && !(others && start && o.startas != ""):
		return wrong("need at least one of --exec, --pid, --ppid, --pidfile, --user or --name")
	case start && !o.given("exec") && !o.given("startas") && o.exec == "":
		return wrong("--start needs --exec or --startas")
	case o.make && !o.given("pidfile"):
		return wrong("--make-pidfile requires --pidfile")
	case o.remove && !o.given("pidfile"):
		return wrong("--remove-pidfile requires --pidfile")
	case o.given("pid") && o.given("pidfile"):
		return wrong("need either --pid or --pidfile, not both")
	case o.background && !start:
		return wrong("--background is only relevant with --start")
	case o.noClose && !o.background:
		return wrong("--no-close is only relevant with --background")
	case o.given("output") && !strings.HasPrefix(o.output, "/"):
		return wrong("--output file needs to be an absolute filename")
	case o.output != "" && !o.background && o.dialect.name == "dpkg":
		return wrong("--output is only relevant with --background")
	case others && o.dialect.name == "openrc":
		return o.relatedOpenrc()
	}
	return nil
}

// resolve looks up files and users; what is not there is no mistake of the command line.
func (o *ssd) resolve() error {
	p := &o.plan
	if o.dir == "" {
		o.noDir, o.dir = o.given("chdir"), "/"
	}
	if o.exec != "" || o.given("exec") {
		if !strings.HasPrefix(o.exec, "/") && o.dialect.name == "dpkg" {
			o.exec = o.dir + "/" + o.exec
		} else if path, err := spawn.LookPath(o.exec, os.Getenv("PATH"), ""); err == nil && o.root == "" {
			o.exec = path
		}
		file := o.exec
		if o.root != "" {
			file = o.root + "/" + o.exec
		}
		if _, err := os.Stat(file); err != nil && (o.dialect.name == "dpkg" || o.action == "start") {
			return fmt.Errorf("unable to stat %s (%w)", file, spawn.Words(err))
		}
		p.pattern.Exec = file
	}
	p.pattern.Name = o.name
	p.nothing = o.given("name") && (o.name == "" || len(o.name) > nameBytes && o.dialect.name != "openrc")
	if o.user != "" || o.given("user") && o.dialect.name != "openrc" {
		if _, err := ssdUser(o.user); err != nil {
			return err
		}
		p.pattern.User = o.user
	}
	if err := o.identity(); err != nil {
		return err
	}
	if o.dialect.name == "openrc" {
		o.meant()
	}
	return nil
}

const nameBytes = 15

// identity is who the program runs as.
func (o *ssd) identity() (err error) {
	p := &o.plan
	name, group, pair := strings.Cut(o.chuid, ":")
	chuid := o.given("chuid") || o.dialect.name == "openrc" && o.given("user")
	switch {
	case o.given("group"):
		if group = o.group; group == "" {
			return errors.New("group '' not found")
		}
	case pair && group == "" && o.dialect.name != "busybox":
		return errors.New("missing group name")
	case !chuid:
		return nil
	}
	if chuid && (name != "" || !pair || o.dialect.name != "busybox") { // in which the group alone is enough
		if p.user, err = ssdUser(name); err != nil {
			return err
		}
		if p.user.Login == "" {
			return fmt.Errorf("user '%s' not found", name)
		}
	} else if p.user, err = spawn.Current(); err != nil {
		return err
	}
	if group != "" {
		named, err := spawn.ParseUser("0:" + group)
		if err != nil {
			return fmt.Errorf("group '%s' not found", group)
		}
		for i, gid := range p.user.Groups { // as initgroups(3), which is given the group instead of the user's own
			if gid == p.user.GID && chuid {
				p.user.Groups[i] = named.GID
			}
		}
		p.user.GID, p.group = named.GID, group
	}
	if o.dialect.name == "openrc" && p.user.UID != 0 && chuid {
		p.pattern.User = name
	}
	return nil
}

func ssdUser(name string) (*spawn.User, error) {
	u, err := spawn.ParseUser(name)
	if _, number := unsigned(name, 10); err != nil || u.Login == "" && !number {
		return nil, fmt.Errorf("user '%s' not found", name)
	}
	return u, nil
}

func (o *ssd) signalOf(s string) (syscall.Signal, error) {
	if n, ok := unsigned(s, 10); ok && n < 65 {
		return syscall.Signal(n), nil
	}
	if o.dialect.name == "busybox" {
		s = strings.ToUpper(s)
	}
	if o.dialect.name != "dpkg" {
		s = strings.TrimPrefix(s, "SIG")
	}
	if sig, err := signals.Parse(s); err == nil && signals.Name(sig) == s {
		return sig, nil
	}
	return 0, wrong("signal value must be numeric or name of signal (KILL, INT, ...)")
}

func (o *ssd) mask(s string) error {
	base := 0 // as strtol has it
	if o.dialect.name == "openrc" {
		base = 8
	}
	n, ok := unsigned(s, base)
	if !ok {
		if n, ok = unsigned(strings.TrimRight(s, "89"), base); !ok {
			return wrong("umask value must be a positive number")
		}
	}
	o.plan.umask = &n
	return nil
}

func ssdPID(what, s string) (int, error) {
	if n, ok := unsigned(s, 10); ok && n > 0 {
		return n, nil
	}
	return 0, wrong("%s value must be a number greater than 0", what)
}

// unsigned is a number as strtol(3) reads it, whole and not negative.
func unsigned(s string, base int) (int, bool) {
	n, err := strconv.ParseInt(strings.TrimPrefix(strings.TrimSpace(s), "+"), base, 64)
	return int(n), err == nil && n >= 0 && n <= math.MaxInt32
}
