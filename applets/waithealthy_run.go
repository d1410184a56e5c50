//go:build !pidbox_some || applet_sipid || applet_wait_healthy

package applets

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"pidbox/lib/applet"
	"pidbox/lib/health"
	"pidbox/lib/notify"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

func (o *waitHealthyOptions) run(c *applet.Call) error {
	o.operands(c)
	if err := o.check(c); err != nil {
		return err
	}
	command, err := o.becomes()
	if err != nil {
		return err
	}
	result, err := o.ask(c)
	if o.json {
		err = o.printJSON(c, result, err)
	}
	if err != nil {
		return err
	}
	socket := os.Getenv("NOTIFY_SOCKET")
	if o.notify {
		tell := notify.Send
		if command == nil { // it ends, and could not be found by its message any more
			tell = notify.Deliver
		}
		if err := tell(socket, "READY=1"); err != nil {
			return err
		}
	}
	if command == nil {
		return nil
	}
	return spawn.Exec(*command)
}

// ask finds what is to be asked, and by whom it is to be answered, and waits for that.
func (o *waitHealthyOptions) ask(c *applet.Call) (health.Result, error) {
	checks, err := o.checks()
	if err != nil {
		return health.Result{}, err
	}
	if o.notify && os.Getenv("NOTIFY_SOCKET") == "" {
		return health.Result{}, errors.New("--notify: NOTIFY_SOCKET is not set, so no service manager is listening")
	}
	watched, err := o.watched()
	if err != nil {
		return health.Result{}, err
	}
	defer watched.Close()
	return o.wait(c, checks, watched)
}

// operands are targets as far as a --, and behind that the command. All of them are the CHECK of --exec where there is none.
func (o *waitHealthyOptions) operands(c *applet.Call) {
	before := len(c.Line) - len(c.Args) - 1
	dashes := before >= 0 && c.Line[before] == "--"
	if dashes && !o.exec && o.http.UnixSocket == "" && len(o.urls) == 0 && len(c.Args) > 0 {
		dashes = health.Scheme(c.Args[0]) == "" // they end the options as well
	}
	switch i := slices.Index(c.Args, "--"); {
	case dashes, i < 0 && o.exec:
		o.command, o.none = c.Args, len(c.Args) == 0
	case i < 0:
		o.urls = append(o.urls, c.Args...)
	default:
		o.urls, o.command, o.none = append(o.urls, c.Args[:i]...), c.Args[i+1:], i == len(c.Args)-1
	}
}

func (o *waitHealthyOptions) checks() ([]health.Check, error) {
	urls := o.urls
	if len(urls) == 0 && o.http.UnixSocket != "" {
		urls = []string{"http://localhost/"}
	}
	checks, err := health.ParseAll(urls, o.http)
	var unreadable *fs.PathError
	switch {
	case errors.As(err, &unreadable):
		return nil, applet.Fail(applet.Failed, "%w", err)
	case err != nil:
		return nil, applet.Usage("%w", err)
	}
	if o.exec {
		check, err := health.Exec(o.command)
		if err != nil {
			return nil, err
		}
		checks = append(checks, check)
	}
	return checks, nil
}

// becomes is what takes wait-healthy's place, nil for nothing. One that is not there is found before the wait.
func (o *waitHealthyOptions) becomes() (*spawn.Command, error) {
	if o.exec || len(o.command) == 0 {
		return nil, nil
	}
	path, err := spawn.LookPath(o.command[0], os.Getenv("PATH"), "")
	return &spawn.Command{Path: path, Args: o.command, Env: os.Environ()}, err
}

// wait asks until all targets are healthy, or until the time, the watched process or a signal ends that.
func (o *waitHealthyOptions) wait(c *applet.Call, checks []health.Check, watched *watchedProcess) (health.Result, error) {
	ctx, cancel := context.WithCancel(context.Background())
	if o.timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
	}
	defer cancel()
	ctx, stopSignals := signals.Until(ctx)
	ctx, stopWatch := watched.watch(ctx)
	defer stopWatch()
	o.pace.Alone = !o.exec
	if !o.shared {
		checks = watched.own(checks)
	}
	p := o.progress(c, len(checks))
	result, err := health.Until(ctx, checks, o.pace, p.show)
	p.Clear()
	if err == nil {
		err = watched.check() // else another process may have answered
	}
	if err != nil || o.json || o.notify || len(o.command) > 0 { // else this ends now, sooner than signals are given back
		stopSignals()
	}
	return result, o.explain(err, result, watched)
}
