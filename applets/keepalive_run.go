//go:build !pidbox_some || applet_keep_alive

package applets

import (
	"errors"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/health"
	"pidbox/lib/journal"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/supervise"
)

func (o *keepAliveOptions) run(c *applet.Call) error {
	if err := needsLinux(); err != nil {
		return err
	}
	if err := o.check(c); err != nil {
		return err
	}
	if o.Follow != "" && !c.Given("scope") {
		o.Scope = proc.Tree
	}
	switch {
	case o.stop:
		return o.stopAll(c)
	case o.status, o.restart:
		return o.ask(c)
	}
	if err := o.complete(c); err != nil {
		return err
	}
	switch {
	case o.dryRun:
		return o.preview(c)
	case o.detach:
		return o.background(c)
	}
	var err error
	if o.Command.Given, err = given(o.given, "--listen fds"); err != nil {
		return err
	}
	err = supervise.Keep(o.Config)
	var ended *supervise.EndedError
	if !errors.As(err, &ended) {
		return err
	}
	status, known := applet.Absent, true
	switch end := ended.End; {
	case end.Signal != 0:
		status = applet.Status(128 + end.Signal)
	case end.Code > 0:
		status = applet.Status(end.Code)
	default:
		known = false
	}
	if known && ended.Unready == 0 { // its log has said it
		return applet.Exit(status)
	}
	err = applet.Fail(status, "%s: %w", c.Args[0], err)
	if ended.Unready != 0 && o.Command.Output.Stderr+o.Command.Output.Stdout == "" {
		err = applet.WithHint(err, "-e FILE keeps its error output")
	}
	return err
}

// stopAll is --stop.
func (o *keepAliveOptions) stopAll(c *applet.Call) error {
	began := time.Now()
	o.ChildPIDFile = o.childFile()
	nothing := o.nothingToStop()
	shown := c.Progress(0, "waiting for the keep-alive of %s to exit", o.PIDFile)
	err := supervise.StopAll(o.Config)
	shown.Clear()
	switch {
	case o.json:
		return outcome{File: o.PIDFile}.print(c, began, err)
	case err == nil && nothing != "" && !c.Quiet:
		c.Say("%s: nothing to stop: %s", o.PIDFile, nothing)
	}
	return err
}

// nothingToStop says why neither a keep-alive nor a COMMAND of it runs, or "" where one does or none can tell.
func (o *keepAliveOptions) nothingToStop() string {
	why := ""
	for _, file := range []string{o.ChildPIDFile, o.PIDFile} {
		h, err := pidfile.Read(file, o.Rules)
		if err != nil {
			return ""
		}
		defer h.Close()
		if live, err := h.Live(); err != nil || live != nil {
			return ""
		}
		why = h.Why
	}
	return why
}

// complete adds to the order what no option sets.
func (o *keepAliveOptions) complete(c *applet.Call) (err error) {
	o.ChildPIDFile = o.childFile()
	if o.minUptime != nil {
		o.Ready.MinUptime = *o.minUptime
	}
	o.Ready.Timeout = o.readyTimeout
	o.Advice = "tell it to stay in the foreground, or name its pidfile by --follow-pid-file"
	o.Command.Args = c.Args
	o.Log.Else, o.Log.JSON = c.Stderr, o.json
	switch {
	case c.Quiet:
		o.Log.Level = journal.Warn
	case c.Verbose:
		o.Log.Level = journal.Debug
	}
	o.Check, err = o.checkHealth()
	return err
}

func (o *keepAliveOptions) checkHealth() (health.Check, error) {
	if o.health == "" {
		return nil, nil
	}
	check, err := health.Parse(o.health, health.Options{MaxRedirects: health.DefaultRedirects})
	if err != nil {
		return nil, applet.Usage("--health: %w", err)
	}
	return check, nil
}
