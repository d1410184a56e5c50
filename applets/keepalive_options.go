//go:build !pidbox_some || applet_keep_alive

package applets

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/duration"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/sockets"
	"pidbox/lib/supervise"
)

// keepAliveOptions are the order to the supervisor, and what else is to be done with it.
type keepAliveOptions struct {
	supervise.Config
	health                string
	given                 bool
	detach                bool
	readyTimeout          time.Duration
	status, restart, json bool
	stop                  bool
	minUptime             *time.Duration
	dryRun                bool
}

func keepAliveDefaults() *keepAliveOptions {
	const step = 5 * time.Second
	return &keepAliveOptions{readyTimeout: time.Minute, Config: supervise.Config{
		Scope:    proc.Group,
		Policy:   supervise.Policy{Free: 3, Max: time.Minute, HealthyAfter: 10 * time.Second},
		Schedule: signals.Schedule{{Signal: syscall.SIGINT, Wait: step}, {Signal: syscall.SIGKILL, Wait: step}},
		Health:   supervise.Health{Interval: 10 * time.Second, Failures: 3},
		Signals:  supervise.Signals{Forward: []syscall.Signal{syscall.SIGHUP}},
	}}
}

func (o *keepAliveOptions) list() []applet.Option {
	list := []applet.Option{
		pidfileOption(&o.PIDFile, "the pidfile of keep-alive itself"),
		applet.String(&o.ChildPIDFile, "child-pid-file", "FILE",
			"the pidfile of COMMAND (default FILE with .child before its extension)").As(applet.File),
	}
	list = append(list, o.commandOptions()...)
	list = append(list, o.restartOptions()...)
	list = append(list, o.healthOptions()...)
	list = append(list, o.selfOptions()...)
	return append(list, ruleOptions(&o.Rules)[:2]...) // a program that wrote the pidfile of keep-alive itself cannot be meant
}

func (o *keepAliveOptions) commandOptions() []applet.Option {
	return []applet.Option{
		applet.String(&o.Command.Output.Stdout, "stdout o", "FILE",
			"append COMMAND's output to FILE; - is keep-alive's own (default /dev/null)").As(applet.File),
		applet.Parsed(&o.Command.Output.Stderr, "stderr e", "FILE", "append COMMAND's errors to FILE, which may be the same", errorFile).As(applet.File),
		envOption(&o.Command.Env),
		envFileOption(&o.Command.EnvFiles),
		userOption(&o.Command.User),
		applet.String(&o.Command.Dir, "chdir c", "DIR", "run COMMAND in DIR").As(applet.Dir),
		o.listenOption(),
	}
}

func (o *keepAliveOptions) listenOption() applet.Option {
	option := applet.Set("listen", "[NAME=]ADDR|fds",
		"listen at HOST:PORT or unix:PATH, and pass the socket on to COMMAND at each start, as systemd does; it stays open in between; "+
			"fds: pass on the sockets that LISTEN_FDS says were given to us",
		func(s string) error {
			if s == "fds" {
				o.given = true
				return nil
			}
			address, err := sockets.Parse(s)
			if err == nil {
				o.Command.Listen = append(o.Command.Listen, address)
			}
			return err
		})
	option.Repeat = true
	return option
}

func (o *keepAliveOptions) restartOptions() []applet.Option {
	return []applet.Option{
		applet.Parsed(&o.Schedule, "stop-schedule", "SCHEDULE",
			"how COMMAND is stopped, as in pid-kill(1) (default INT/5/KILL/5)", signals.ParseSchedule),
		stopCommandOption(&o.StopBy, "COMMAND"),
		applet.Parsed(&o.Signals.Stop, "stop-on", "LIST", "these signals stop COMMAND too, for example the STOPSIGNAL of an image",
			applet.SignalList),
		applet.Parsed(&o.Scope, "scope", "SCOPE", "what is stopped with COMMAND, and before a restart: group (the default), session, tree or "+
			"cgroup, which is --cgroup or status 4", stopScope),
		cgroupOption(&o.Cgroup, "and stop that"),
		applet.String(&o.Follow, "follow-pid-file", "FILE",
			"when COMMAND exits, go on with the process of COMMAND's own that FILE names by then: a server that puts itself into the "+
				"background, or the next one of an upgrade; --scope is tree then").As(applet.File),
		applet.Parsed(&o.Policy.Free, "free-restarts", "N", "restart immediately up to N times (default 3)",
			applet.Int(0, 1<<31-1)),
		applet.Duration(&o.Policy.Max, "backoff-max", "D", "the longest wait before a restart (default 1m)"),
		applet.Duration(&o.Policy.HealthyAfter, "healthy-after", "D", "a run this long starts the count of restarts over (default 10s)"),
		applet.Parsed(&o.Policy.Limit, "max-restarts", "N[/D]", "give up when more than N restarts are due (within D)",
			supervise.ParseLimit),
		applet.Parsed(&o.Policy.Final, "no-restart-codes", "LIST", "do not restart after these exit codes, for example 0,125",
			applet.Codes),
	}
}

func (o *keepAliveOptions) healthOptions() []applet.Option {
	return []applet.Option{
		applet.String(&o.health, "health", "URL",
			"check COMMAND there, as wait-healthy(1) does, or by exec:SHELL-COMMAND, and restart it when it is unhealthy"),
		applet.Switch(&o.Shared, "ready-shared", "with --health: other processes than COMMAND may answer as well"),
		applet.Parsed(&o.Health, "health-interval", "D[/N]",
			"check every D, and restart COMMAND after N consecutive failures; until its first success it has as much time (default 10s/3)",
			supervise.ParseHealth),
		applet.Switch(&o.Ready.Notify, "notify-await", "COMMAND is ready when it sends READY=1 by sd_notify(3), and hung when its watchdog messages stop"),
		applet.Parsed(&o.Ready.Descriptor, "notify-fd", "N", "COMMAND is ready when it writes a line to its descriptor N, 3 or above, as in s6",
			applet.Int(3, 1023)),
		applet.Parsed(&o.minUptime, "min-uptime", "D", "COMMAND is ready when it has lived for D (default 0; with --detach 100ms)",
			applet.Pointer(duration.Parse)),
		applet.Parsed(&o.Ready.Watchdog, "watchdog", "D", "with --notify-await: restart COMMAND when it does not send WATCHDOG=1 every D",
			applet.Positive),
		applet.Switch(&o.Notify, "notify", "send READY=1 to the service manager when COMMAND is ready (with --health: healthy)"),
	}
}

func (o *keepAliveOptions) selfOptions() []applet.Option {
	return []applet.Option{
		applet.Switch(&o.detach, "detach", "go to the background, and return when COMMAND runs (with --health: is healthy)"),
		applet.Duration(&o.readyTimeout, "ready-timeout", "D", "how long --detach waits (default 1m)"),
		applet.Signal(&o.Signals.Leave, "leave-on", "SIGNAL", "on SIGNAL, exit and leave COMMAND running"),
		applet.Parsed(&o.Signals.Forward, "signal-forward", "LIST", "pass these signals on to COMMAND (default HUP)",
			applet.SignalList),
		applet.Signal(&o.Signals.Reopen, "reopen-on", "SIGNAL", "on SIGNAL, reopen the log of --log"),
		applet.String(&o.Log.Path, "log", "FILE", "append keep-alive's own log to FILE instead of standard error").As(applet.File),
		applet.Switch(&o.status, "status", "report what the keep-alive of FILE is doing"),
		applet.Switch(&o.stop, "stop", "stop the keep-alive of FILE and its COMMAND, also where keep-alive was killed"),
		applet.Duration(&o.Wait, "wait", "D", "wait up to D until another keep-alive of FILE exits, instead of failing at once"),
		applet.Switch(&o.restart, "restart", "make the keep-alive of FILE restart its COMMAND now, by --stop-schedule"),
		applet.Switch(&o.json, "json", "log in JSON; with --status, --restart or --stop: print a JSON object"),
		applet.Switch(&o.dryRun, "dry-run n", "print what would be done"),
	}
}

func stopScope(s string) (proc.Scope, error) {
	switch s {
	case "group":
		return proc.Group, nil
	case "session":
		return proc.Session, nil
	case "tree":
		return proc.Tree, nil
	case "cgroup":
		return proc.ControlGroup, nil
	}
	return 0, fmt.Errorf("%q is not group, session, tree or cgroup", s)
}

// childFile is the pidfile of COMMAND, "" for none.
func (o *keepAliveOptions) childFile() string {
	if o.ChildPIDFile != "" || o.PIDFile == "" {
		return o.ChildPIDFile
	}
	ext := filepath.Ext(o.PIDFile)
	return strings.TrimSuffix(o.PIDFile, ext) + ".child" + ext
}
