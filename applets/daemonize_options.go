package applets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"pidbox/lib/applet"
	"pidbox/lib/daemon"
	"pidbox/lib/health"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

type daemonizeOptions struct {
	order    daemon.Order
	changed  bool // -c was given
	env      []string
	envFiles []string
	clearEnv bool
	await    bool
	fd       int
	urls     []string
	waited   bool // --ready-timeout was given
	appended bool
	dryRun   bool
}

func (o *daemonizeOptions) options() []applet.Option {
	cmd := &o.order.Command
	list := []applet.Option{
		pidfileOption(&o.order.PIDFile),
		applet.Set("stdout o", "FILE", "append standard output to FILE (default /dev/null)", named(&o.order.Stdout)).As(applet.File),
		applet.Set("stderr e", "FILE", "append standard error to FILE; may be the same", named(&o.order.Stderr)).As(applet.File),
		applet.Switch(&o.appended, "append a", "append to the files of -o and -e: the default, for daemonize(1)'s users"),
		applet.Switch(&o.order.Truncate, "truncate", "empty the files of -o and -e first"),
		applet.Set("chdir c", "DIR", "run COMMAND in DIR instead of /", o.chdir).As(applet.Dir),
		applet.Parsed(&cmd.User, "user u", "USER[:GROUP...]", "run COMMAND as this user, by name or number, with all groups of the user, its HOME, USER, LOGNAME and SHELL, and as owner of the logs that are made; a GROUP is the primary one instead, and further ones replace all others", spawn.ParseUser).As(applet.User),
		applet.Parsed(&cmd.Umask, "umask", "MASK", "run COMMAND with this umask, in octal (default the caller's)", parseMask),
		applet.Strings(&o.env, "env E", "K=V", "set a variable for COMMAND"),
		applet.Strings(&o.envFiles, "env-file", "FILE", "set the variables of FILE: lines of K=V, # comments, 'single' or \"double\" quotes, nothing expanded; -E comes after").As(applet.File),
		applet.Switch(&o.clearEnv, "clear-env", "start from an empty environment instead of the caller's"),
		applet.Set("lock-file l", "FILE", "hold a lock on FILE for the daemon's whole life; 75 if another process has it; FILE may be the pidfile", named(&o.order.LockFile)).As(applet.File),
		applet.Switch(&o.order.HoldLock, "hold-lock", "hold a lock on the pidfile likewise"),
		applet.Parsed(&cmd.Nice, "nice", "N", "the nice value, -20 to 19", number(-20, 19)),
		applet.Parsed(&cmd.OOMScoreAdj, "oom-score-adj", "N", "the out-of-memory killer's preference, -1000 to 1000", number(-1000, 1000)),
		limitOption(&cmd.Limits),
		applet.Switch(&cmd.NoNewPrivs, "no-new-privs", "deny COMMAND new privileges by set-user-ID files and the like"),
		applet.Parsed(&cmd.Capabilities, "capabilities", "LIST", "keep only these capabilities, as net_bind_service,kill or none", spawn.ParseCapabilities),
		applet.Duration(&o.order.MinUptime, "min-uptime", "D", "return only when COMMAND has lived so long"),
		applet.Switch(&o.await, "notify-await", "wait for READY=1 by sd_notify(3)"),
		applet.Parsed(&o.fd, "notify-fd", "N", "wait for a line on COMMAND's descriptor N, 3 or above, as s6 does", descriptorNumber),
		applet.Strings(&o.urls, "ready-url", "URL", "wait until URL is healthy, as wait-healthy(1) sees it"),
		o.timeoutOption(),
		applet.Parsed(&o.order.Stop, "stop-schedule", "SCHEDULE", "how a COMMAND that does not get ready is stopped (default "+signals.Default().String()+")", signals.ParseSchedule),
		modeOption(&o.order.Mode),
		applet.Switch(&o.dryRun, "dry-run n", "start nothing and lock nothing; say what would be, with the status it would have"),
	}
	return append(list, ruleOptions(&o.order.Rules)...)
}

func (o *daemonizeOptions) timeoutOption() applet.Option {
	option := applet.Duration(&o.order.ReadyTimeout, "ready-timeout", "D", "how long to wait for the readiness (default 60s)")
	set := option.Value.Set
	return applet.Set("ready-timeout", "D", option.Text, func(s string) error {
		o.waited = true
		return set(s)
	})
}

// named is a file that must have a name: an unset variable of a script is none.
func named(to *string) func(string) error {
	return func(s string) error {
		*to = s
		return notEmpty(s)
	}
}

func notEmpty(s string) error {
	if s == "" {
		return errors.New("the name is empty")
	}
	return nil
}

func (o *daemonizeOptions) chdir(s string) error {
	if err := notEmpty(s); err != nil {
		return err
	}
	dir, err := filepath.Abs(s)
	o.order.Command.Dir, o.changed = dir, true
	return err
}

// number is a parser of whole numbers within bounds.
func number(least, most int) func(string) (*int, error) {
	return func(s string) (*int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return nil, fmt.Errorf("%q is not a number of %d to %d", s, least, most)
		}
		return &n, nil
	}
}

func descriptorNumber(s string) (int, error) {
	n, err := number(3, 1023)(s)
	if err != nil {
		return 0, err
	}
	return *n, nil
}

func limitOption(to *[]spawn.Limit) applet.Option {
	o := applet.Set("limit", "NAME=VALUE", "a resource limit, as nofile=65536, core=unlimited or nproc=100:200 (soft:hard)", func(s string) error {
		l, err := spawn.ParseLimit(s)
		*to = append(*to, l)
		return err
	})
	o.Repeat = true
	return o
}

// check refuses what does not go together, and makes the readiness of the options.
func (o *daemonizeOptions) check(c *applet.Call) error {
	ready := []daemon.Readiness{}
	if o.await {
		ready = append(ready, daemon.NotifySocket())
	}
	if o.fd != 0 {
		ready = append(ready, daemon.Descriptor(o.fd))
	}
	if len(o.urls) > 0 {
		checks, err := health.ParseAll(o.urls, health.Options{MaxRedirects: health.DefaultRedirects})
		if err != nil {
			return applet.Usage("--ready-url: %w", err)
		}
		ready = append(ready, daemon.Healthy(checks...))
	}
	switch {
	case len(c.Args) == 0:
		return applet.Usage("no COMMAND given")
	case c.Args[0] == "":
		return applet.Usage("the COMMAND is empty")
	case o.order.HoldLock && o.order.PIDFile == "":
		return applet.Usage("--hold-lock is for a pidfile (--pid-file FILE)")
	case o.appended && o.order.Truncate:
		return applet.Usage("--append and --truncate exclude each other")
	case len(ready) > 1:
		return applet.Usage("--notify-await, --notify-fd and --ready-url exclude each other")
	case o.waited && len(ready) == 0:
		return applet.Usage("--ready-timeout is for --notify-await, --notify-fd and --ready-url")
	case o.order.ReadyTimeout <= 0:
		return applet.Usage("--ready-timeout: it must be longer than nothing")
	case os.Getpid() == 1:
		return applet.WithHint(applet.Fail(applet.Failed, "this is PID 1: COMMAND would end with it"), "execute COMMAND itself, or use keep-alive")
	}
	for _, kv := range o.env {
		if _, err := spawn.ParseEnv(kv); err != nil {
			return applet.Usage("--env: %w", err)
		}
	}
	if len(ready) == 1 {
		o.order.Ready = ready[0]
	}
	if !o.changed {
		o.order.Command.Dir = "/"
	}
	if err := o.oneFile(); err != nil {
		return err
	}
	return checkMode(o.order.Mode, o.order.Rules)
}

// oneFile takes a lock file that is the pidfile for --hold-lock, as daemonize(1)'s users may have it, and refuses a log
// that is the pidfile.
func (o *daemonizeOptions) oneFile() error {
	file := o.order.PIDFile
	if file == "" {
		return nil
	}
	for _, log := range []string{o.order.Stdout, o.order.Stderr} {
		if log != "" && sameFile(log, file) {
			return applet.Usage("%s is a log and the pidfile", log)
		}
	}
	if o.order.LockFile != "" && sameFile(o.order.LockFile, file) {
		o.order.LockFile, o.order.HoldLock = "", true
	}
	return nil
}

// rehearse answers as a start would, by a look.
func (o *daemonizeOptions) rehearse(c *applet.Call) error {
	if err := untold(c, daemon.Rehearse(o.order)); err != nil {
		return o.explain(c, err)
	}
	c.Say("would start %s", o.order.Command.Path)
	return nil
}
