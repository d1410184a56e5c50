//go:build !pidbox_some || applet_keep_alive

package applets

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"syscall"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/daemon"
	"pidbox/lib/duration"
	"pidbox/lib/ready"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
	"pidbox/lib/supervise"
)

// background has this very program do in the background what it would do here, and waits until it says that COMMAND
// runs. What it writes to its standard error until then is ours to show; later no process reads it.
func (o *keepAliveOptions) background(c *applet.Call) error {
	if err := supervise.Rehearse(o.Config); err != nil {
		return err
	}
	if done, err := apart(c); done {
		return err
	}
	exe, err := daemon.Own(c.Line[0])
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	var more []string
	if o.minUptime == nil && o.health == "" && !o.Ready.Shown() {
		more = []string{"--min-uptime", duration.Format(minUptime)}
	}
	keep := spawn.Command{Path: exe, Args: foreground(c.Line, c.Args, more...), Env: os.Environ(), Stderr: w}
	passed, err := given(o.given, "--listen fds")
	if err != nil {
		return err
	}
	passed.Pass(&keep)
	shown := c.Progress(o.readyTimeout, "waiting until %s runs", c.Args[0])
	_, err = daemon.Start(context.Background(), daemon.Order{
		Command: keep,
		PIDFile: o.PIDFile, Rules: o.Rules, Mode: o.Mode,
		Want:       ready.Want{Notify: true, Follow: true, Timeout: o.readyTimeout},
		Stop:       signals.Schedule{{Signal: syscall.SIGTERM, Wait: o.Schedule.Total() + 5*time.Second}, {Signal: syscall.SIGKILL, Wait: 5 * time.Second}},
		Supervisor: true, Tell: c.Tell,
	})
	shown.Clear()
	w.Close()
	if err == nil {
		return nil
	}
	return explainBackground(c, r, err)
}

// foreground is the command line without --detach, which with all options comes before the operands.
func foreground(line, operands []string, more ...string) []string {
	options := slices.Clone(line[:len(line)-len(operands)])
	if options[len(options)-1] == "--" {
		options = options[:len(options)-1]
	}
	return append(append(append(options, "--detach=false", "--notify"), more...), append([]string{"--"}, operands...)...)
}

// explainBackground gives a failure in the background the words and the status it had there.
func explainBackground(c *applet.Call, said io.Reader, err error) error {
	var died *daemon.DiedError
	var late *daemon.NotReadyError
	if !errors.As(err, &died) && !errors.As(err, &late) {
		return err
	}
	io.Copy(c.Stderr, said) // all that could write to it has ended
	switch {
	case late != nil:
		return applet.Fail(applet.TimedOut, "%s: %w", c.Args[0], err)
	case died.End != nil && died.End.Signal == 0 && died.End.Code != 0:
		return applet.Exit(applet.Status(died.End.Code))
	}
	return applet.Fail(applet.Absent, "%s: %w", c.Args[0], err)
}
