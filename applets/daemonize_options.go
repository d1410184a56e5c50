//go:build !pidbox_some || applet_daemonize

package applets

import (
	"os"

	"pidbox/lib/applet"
	"pidbox/lib/daemon"
	"pidbox/lib/health"
	"pidbox/lib/signals"
	"pidbox/lib/sockets"
	"pidbox/lib/spawn"
)

type daemonizeOptions struct {
	order    daemon.Order
	env      []string
	envFiles []string
	clearEnv bool
	given    bool
	urls     []string
	appended bool
	dryRun   bool
	json     bool
}

func (o *daemonizeOptions) options() []applet.Option {
	cmd := &o.order.Command
	list := []applet.Option{
		pidfileOption(&o.order.PIDFile, "the pidfile"),
		applet.Parsed(&o.order.Stdout, "stdout o", "FILE", "append standard output to FILE (default /dev/null; - for daemonize's own)",
			applet.FileName).As(applet.File),
		applet.Parsed(&o.order.Stderr, "stderr e", "FILE", "append standard error to FILE; may be the same",
			errorFile).As(applet.File),
		applet.Switch(&o.appended, "append a", "append to the files of -o and -e: the default, for daemonize(1)'s users"),
		applet.Switch(&o.order.Truncate, "truncate", "empty the files of -o and -e first"),
		applet.Parsed(&cmd.Dir, "chdir c", "DIR", "run COMMAND in DIR instead of /", directory).As(applet.Dir),
		userOption(&cmd.User),
		umaskOption(&cmd.Umask),
		envOption(&o.env),
		envFileOption(&o.envFiles),
		clearEnvOption(&o.clearEnv),
		applet.Parsed(&o.order.LockFile, "lock-file l", "FILE",
			"hold a lock on FILE for the daemon's lifetime; status 75 if another process has it; FILE may be the pidfile",
			applet.FileName).As(applet.File),
		givenOption(&o.given),
		cgroupOption(&o.order.Cgroup, "for pid-kill --cgroup"),
		applet.Switch(&o.order.HoldLock, "hold-lock", "hold a lock on the pidfile for the daemon's lifetime"),
		applet.Parsed(&cmd.Nice, "nice", "N", "the nice value, -20 to 19", applet.Pointer(applet.Int(-20, 19))),
		applet.Parsed(&cmd.OOMScoreAdj, "oom-score-adj", "N", "the out-of-memory killer's preference, -1000 to 1000",
			applet.Pointer(applet.Int(-1000, 1000))),
		applet.Each(&cmd.Limits, "limit", "NAME=VALUE",
			"a resource limit, for example nofile=65536, core=unlimited or nproc=100:200 (soft:hard)", spawn.ParseLimit),
		applet.Switch(&cmd.NoNewPrivs, "no-new-privs", "deny COMMAND new privileges by set-user-ID files and the like"),
		applet.Parsed(&cmd.Capabilities, "capabilities", "LIST",
			"keep only these capabilities, for example net_bind_service,kill or none", spawn.ParseCapabilities),
		applet.Duration(&o.order.Want.MinUptime, "min-uptime", "D", "return only when COMMAND has lived for D (default 100ms)"),
		applet.Switch(&o.order.Want.Notify, "notify-await", "wait for READY=1 by sd_notify(3)"),
		applet.Parsed(&o.order.Want.Descriptor, "notify-fd", "N", "wait for a line on COMMAND's descriptor N, 3 or above, as in s6",
			applet.Int(3, 1023)),
		applet.Strings(&o.urls, "ready-url", "URL", "wait until URL is healthy in the sense of wait-healthy(1), answered by COMMAND"),
		applet.Switch(&o.order.Want.Shared, "ready-shared", "with --ready-url: other processes may answer as well"),
		applet.Parsed(&o.order.Want.Timeout, "ready-timeout", "D", "how long to wait until COMMAND is ready (default 60s)",
			applet.Positive),
		applet.Parsed(&o.order.Stop, "stop-schedule", "SCHEDULE",
			"how to stop a COMMAND that does not become ready (default "+signals.Default().String()+")", signals.ParseSchedule),
		applet.Duration(&o.order.Wait, "wait", "D", "wait up to D until a live holder of the pidfile exits, instead of failing at once"),
		modeOption(&o.order.Mode),
		outcomeOption(&o.json),
		applet.Switch(&o.dryRun, "dry-run n",
			"start nothing and lock nothing; print what would be done, and exit with the status it would have"),
	}
	return append(list, ruleOptions(&o.order.Rules)...)
}

// check refuses what cannot be started, and makes the readiness of the options.
func (o *daemonizeOptions) check(c *applet.Call) error {
	if err := needCommand(c); err != nil {
		return err
	}
	if os.Getpid() == 1 {
		return applet.WithHint(applet.Fail(applet.Failed, "cannot run as PID 1: the container would exit"),
			"execute COMMAND itself, or use keep-alive")
	}
	if o.json && o.order.Stdout == "-" {
		return applet.Usage("--json cannot be combined with -o -: COMMAND would print among it")
	}
	if len(o.urls) > 0 {
		checks, err := health.ParseAll(o.urls, health.Options{MaxRedirects: health.DefaultRedirects})
		if err != nil {
			return applet.Usage("--ready-url: %w", err)
		}
		o.order.Want.Checks = checks
	}
	o.order.Want.Follow = true
	if !c.Given("chdir") {
		o.order.Command.Dir = "/"
	}
	if err := o.oneFile(); err != nil {
		return err
	}
	if n := o.order.Want.Descriptor; n > 0 && n < sockets.First+sockets.Most && o.given {
		return applet.Usage("--notify-fd %d is the descriptor of a socket: take one from %d on", n, sockets.First+sockets.Most)
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
		if log != "" && log != "-" && applet.SameFile(log, file) {
			return applet.Usage("%s is both a log and the pidfile", log)
		}
	}
	if o.order.LockFile != "" && applet.SameFile(o.order.LockFile, file) {
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
