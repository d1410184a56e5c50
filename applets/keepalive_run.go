package applets

import (
	"log/slog"

	"pidbox/lib/applet"
	"pidbox/lib/health"
	"pidbox/lib/supervise"
)

func (o *keepAliveOptions) run(c *applet.Call) error {
	if err := needsLinux(); err != nil {
		return err
	}
	if err := o.check(c); err != nil {
		return err
	}
	if o.status || o.restart {
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
	return supervise.Keep(o.Config)
}

// complete adds to the order what no option sets.
func (o *keepAliveOptions) complete(c *applet.Call) (err error) {
	o.ChildPIDFile = o.childFile()
	o.Command.Args = c.Args
	o.Log.Else = c.Stderr
	switch {
	case c.Quiet:
		o.Log.Level = slog.LevelWarn
	case c.Verbose:
		o.Log.Level = slog.LevelDebug
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
