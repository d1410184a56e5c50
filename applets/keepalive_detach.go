//go:build !pidbox_some || applet_keep_alive

package applets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	if !c.Quiet {
		o.Command.Output.Made = func(dir string) { c.Say("made the directory %s", dir) }
	}
	log, done, err := o.errorLog()
	if err != nil {
		return err
	}
	defer done()
	words := daemon.WordsIn(log)
	ctx, stop := signals.Until(context.Background())
	defer stop()
	shown := c.Progress(o.readyTimeout, "waiting until %s runs", c.Args[0])
	_, err = daemon.Start(ctx, daemon.Order{
		Command: keep,
		PIDFile: o.PIDFile, Rules: o.Rules, Mode: o.Mode,
		Want:       ready.Want{Notify: true, Follow: true, Timeout: o.readyTimeout},
		Stop:       signals.Schedule{{Signal: syscall.SIGTERM, Wait: o.Schedule.Total() + 5*time.Second}, {Signal: syscall.SIGKILL, Wait: 5 * time.Second}},
		Supervisor: true, Tell: c.Tell, Made: o.Command.Output.Made,
	})
	shown.Clear()
	w.Close()
	if err == nil {
		return nil
	}
	return explainBackground(c, words, r, err)
}

// errorLog is the file that COMMAND writes its errors to, nil for none, until done.
func (o *keepAliveOptions) errorLog() (log *os.File, done func(), err error) {
	stdout, stderr, done, err := o.Command.Output.Open(o.Command.User, o.Rules.AllowInsecure)
	return cmp.Or(stderr, stdout), done, err
}

// foreground is the command line without --detach, which with all options comes before the operands.
func foreground(line, operands []string, more ...string) []string {
	options := slices.Clone(line[:len(line)-len(operands)])
	if options[len(options)-1] == "--" {
		options = options[:len(options)-1]
	}
	return append(append(append(options, "--detach=false", "--notify"), more...), append([]string{"--"}, operands...)...)
}

// explainBackground gives a failure in the background the words and the status it had there, after COMMAND's last ones.
func explainBackground(c *applet.Call, words daemon.Words, said io.Reader, err error) error {
	var died *daemon.DiedError
	var late *daemon.NotReadyError
	if errors.As(err, new(*signals.Caught)) {
		return fmt.Errorf("%s: %w before it was ready; it does not run", c.Args[0], err)
	}
	if !errors.As(err, &died) && !errors.As(err, &late) {
		return err
	}
	if !c.Quiet {
		log, lines := words.Last()
		tail(c, log, lines)
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
