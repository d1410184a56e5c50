//go:build !pidbox_some || applet_sipid || applet_wait_healthy

package applets

import (
	"pidbox/lib/applet"
	"pidbox/lib/health"
)

// progress reports attempts: each on a line of its own with --verbose, else on the one line of a terminal.
type progress struct {
	*applet.Progress
	call *applet.Call
}

func (o *waitHealthyOptions) progress(c *applet.Call, targets int) progress {
	what := "no answer yet"
	if targets > 1 {
		what = "no answer yet from " + applet.Count(targets, "target")
	}
	return progress{c.Progress(o.timeout, "%s", what), c}
}

func (p progress) show(a health.Attempt) {
	answer := "healthy"
	if a.Err != nil {
		answer = a.Err.Error()
	}
	p.call.Tell("attempt %d after %s: %s: %s", a.Number, brief(a.Elapsed), a.Check, answer)
	if a.Err != nil {
		p.Set("attempt %d: %s: %s", a.Number, a.Check, answer)
	}
}
