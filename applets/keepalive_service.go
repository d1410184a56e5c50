package applets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/health"
	"pidbox/lib/spawn"
	"pidbox/lib/supervise"
)

// service is COMMAND as it is to be started each time.
func (o *keepAliveOptions) service(c *applet.Call, log *slog.Logger) (*supervise.Service, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	env := os.Environ()
	if o.notify {
		env = slices.DeleteFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "NOTIFY_SOCKET=") })
	}
	if o.clearEnv {
		env = nil
	}
	var added []string
	if o.envFile != "" {
		if added, err = spawn.ParseEnvFile(o.envFile); err != nil {
			return nil, err
		}
	}
	added = spawn.MergeEnv(added, o.env)
	env = spawn.MergeEnv(env, added)
	path, err := spawn.LookPath(c.Args[0], variable(env, "PATH"), cwd)
	if missing := (*spawn.ExecError)(nil); errors.As(err, &missing) && filepath.Base(c.Args[0]) != c.Args[0] {
		path = filepath.Join(cwd, c.Args[0]) // its process may run on without it; a start will tell
		if filepath.IsAbs(c.Args[0]) {
			path = c.Args[0]
		}
	} else if err != nil {
		return nil, err
	}
	print := supervise.Fingerprint{Path: path, Args: c.Args, Env: added, Dir: o.dir}
	if o.clearEnv {
		print.Env = append([]string{"-"}, added...)
	}
	if o.user != nil {
		print.User = fmt.Sprint(o.user.UID, o.user.GID, o.user.Groups)
	}
	cmd := spawn.Command{Args: c.Args, Env: env, Dir: o.dir, Umask: o.umask, User: o.user}
	return &supervise.Service{PidFile: o.childFile(), Rules: o.rules, Mode: o.mode,
		Fingerprint: print, Log: log, Prepare: func() (spawn.Command, func(), error) {
			cmd := cmd
			var err error
			if cmd.Path, err = spawn.LookPath(c.Args[0], variable(env, "PATH"), cwd); err != nil {
				return cmd, nil, err
			}
			var done func()
			cmd.Stdout, cmd.Stderr, done, err = o.output.Open()
			return cmd, done, err
		}}, nil
}

func (o *keepAliveOptions) checkHealth() (health.Check, error) {
	if o.health == "" {
		return nil, nil
	}
	const shell = "exec:"
	if len(o.health) > len(shell) && o.health[:len(shell)] == shell {
		return health.Exec([]string{"/bin/sh", "-c", o.health[len(shell):]})
	}
	check, err := health.Parse(o.health, health.Options{})
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
	tell := func(state string) func() {
		return func() {
			if err := health.Notify(socket, state); err != nil {
				log.Warn("not notified", "error", err.Error())
			}
		}
	}
	return tell("READY=1"), tell("STOPPING=1")
}

// logger is keep-alive's own log, and how to open it anew.
func (o *keepAliveOptions) logger(c *applet.Call) (*slog.Logger, func(), error) {
	var to io.Writer = c.Stderr
	reopen := func() {}
	if o.log != "" {
		file, err := supervise.OpenLogFile(o.log)
		if err != nil {
			return nil, nil, err
		}
		to = file
		reopen = func() { _ = file.Reopen() } // a failure leaves the old file, which can still be read
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

// variable is the value of a variable in an environment, "" if it is not set.
func variable(env []string, name string) string {
	for _, kv := range env {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}
