package applets

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/health"
	"pidbox/lib/notify"
	"pidbox/lib/spawn"
	"pidbox/lib/supervise"
)

// service is COMMAND as it is to be started each time.
func (o *keepAliveOptions) service(c *applet.Call, log *slog.Logger) (*supervise.Service, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	inherited, given, err := o.environment()
	if err != nil {
		return nil, err
	}
	find := func() (string, error) { return o.user.LookPath(c.Args[0], os.Getenv("PATH"), cwd) }
	path, err := find()
	if err != nil && !strings.Contains(c.Args[0], "/") {
		return nil, err
	}
	if err != nil { // its process may run on without it; a start will tell
		if path = c.Args[0]; !filepath.IsAbs(path) {
			path = filepath.Join(cwd, path)
		}
	}
	print := supervise.Fingerprint{Path: path, Args: c.Args, Env: given, Dir: o.dir}
	if o.clearEnv {
		print.Env = append([]string{"-"}, given...)
	}
	if o.user != nil {
		print.User = fmt.Sprint(o.user.UID, o.user.GID, o.user.Groups)
	}
	cmd := spawn.Command{Args: c.Args, Env: spawn.MergeEnv(inherited, given), Dir: o.dir, Umask: o.umask, User: o.user}
	prepare := func() (ready spawn.Command, done func(), err error) {
		ready, done = cmd, func() {}
		if ready.Path, err = find(); err == nil {
			ready.Stdout, ready.Stderr, done, err = o.output.Open(o.user)
		}
		return ready, done, err
	}
	return &supervise.Service{PidFile: o.childFile(), Rules: o.rules, Mode: o.mode, Fingerprint: print, Log: log, Prepare: prepare}, nil
}

// environment is what COMMAND inherits, and what it is given.
func (o *keepAliveOptions) environment() (inherited, given []string, err error) {
	if !o.clearEnv {
		inherited = os.Environ()
	}
	if o.notify { // ours, and not to be answered twice
		inherited = slices.DeleteFunc(inherited, func(kv string) bool { return strings.HasPrefix(kv, "NOTIFY_SOCKET=") })
	}
	inherited = o.user.Environ(inherited)
	for _, file := range o.envFiles {
		list, err := spawn.ParseEnvFile(file)
		if err != nil {
			return nil, nil, err
		}
		given = spawn.MergeEnv(given, list)
	}
	return inherited, spawn.MergeEnv(given, o.env), nil
}

func (o *keepAliveOptions) checkHealth() (health.Check, error) {
	if o.health == "" {
		return nil, nil
	}
	const shell = "exec:"
	if len(o.health) > len(shell) && o.health[:len(shell)] == shell {
		return health.Exec([]string{"/bin/sh", "-c", o.health[len(shell):]})
	}
	check, err := health.Parse(o.health, health.Options{MaxRedirects: health.DefaultRedirects})
	if err != nil {
		return nil, applet.Usage("--health: %w", err)
	}
	return check, nil
}

func (o *keepAliveOptions) watch(check health.Check, orphans *supervise.Orphans) *supervise.Health {
	if check == nil {
		return nil
	}
	h := o.checks
	h.Check = func(ctx context.Context) error { return orphans.Guard(func() error { return check.Check(ctx) }) }
	return &h
}

// notices tell the service manager, if asked. That nobody listens is no failure of the service.
func (o *keepAliveOptions) notices(log *slog.Logger) (ready, ending func()) {
	socket := os.Getenv("NOTIFY_SOCKET")
	if !o.notify || socket == "" {
		return nil, func() {}
	}
	tell := func(state string, level slog.Level) func() {
		return func() {
			if err := notify.Send(socket, state); err != nil {
				log.Log(context.Background(), level, "not notified", "error", err.Error())
			}
		}
	}
	return tell("READY=1", slog.LevelWarn), tell("STOPPING=1", slog.LevelDebug) // who started us with --detach has gone by then
}

// logger is keep-alive's own log, and how to open it anew.
func (o *keepAliveOptions) logger(c *applet.Call) (*slog.Logger, func() error, error) {
	var to io.Writer = c.Stderr
	reopen := func() error { return nil }
	if o.log != "" {
		file, err := supervise.OpenLogFile(o.log)
		if err != nil {
			return nil, nil, err
		}
		to = file
		reopen = file.Reopen
	}
	level := &slog.HandlerOptions{Level: slog.LevelInfo}
	if c.Quiet {
		level.Level = slog.LevelWarn
	} else if c.Verbose {
		level.Level = slog.LevelDebug
	}
	if o.logJSON {
		return slog.New(slog.NewJSONHandler(to, level)), reopen, nil
	}
	return slog.New(slog.NewTextHandler(to, level)), reopen, nil
}
