//go:build !pidbox_some || applet_sipid || applet_wait_healthy

package applets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/health"
	"pidbox/lib/jsonline"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// explain gives the end of a wait its exit status and its one line.
func (o *waitHealthyOptions) explain(err error, r health.Result, watched *watchedProcess) error {
	var caught *signals.Caught
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errDied):
		return applet.Fail(applet.Absent, "%s died%s; last answer: %s", watched.name, watched.lived(), o.last(r))
	case errors.As(err, &caught):
		return fmt.Errorf("%w after %s: %s", err, brief(r.Elapsed), o.last(r))
	case errors.Is(err, health.ErrNotAsked) && !is[*spawn.ExecError](err):
		return applet.Fail(applet.Unsafe, "%s", o.last(r))
	case o.pace.Once && (errors.Is(err, health.ErrUnhealthy) || errors.Is(err, context.DeadlineExceeded)):
		return applet.Fail(applet.No, "%s", o.last(r))
	case errors.Is(err, context.DeadlineExceeded):
		return o.timedOut(r)
	}
	return err
}

func (o *waitHealthyOptions) timedOut(r health.Result) error {
	not := "not healthy"
	if o.pace.Invert {
		not = "not unhealthy"
	}
	err := applet.Fail(applet.TimedOut, "%s after %s and %s: %s", not, brief(o.timeout), applet.Count(r.Attempts, "attempt"), o.last(r))
	if o.pace.Interval >= o.timeout && r.Attempts <= len(r.Targets) {
		return applet.WithHint(err, "the interval of %s leaves time for only one attempt", brief(o.pace.Interval))
	}
	return err
}

// isDeath holds when the watched process has died: whoever answered last, it was not that.
func isDeath(err error) bool {
	var known *applet.Error
	return errors.As(err, &known) && known.Status == applet.Absent
}

// last is what the target at fault said last, and how many others are at fault.
func (o *waitHealthyOptions) last(r health.Result) string {
	first := r.Unsettled()
	switch {
	case first == nil:
		return "healthy" // perhaps of another process
	case first.Reason == nil:
		return "there was no time to ask"
	}
	text := first.Check.String() + ": " + first.Reason.Error()
	others := -1
	for _, t := range r.Targets {
		if !t.Settled {
			others++
		}
	}
	if others > 0 {
		text += fmt.Sprintf(" (and %d more of %d targets)", others, len(r.Targets))
	}
	return text
}

type jsonResult struct {
	Status   applet.Status `json:"status"`
	Healthy  bool          `json:"healthy"`
	Seconds  float64       `json:"seconds"`
	Attempts int           `json:"attempts"`
	Reason   string        `json:"reason,omitempty"`
	Targets  []jsonTarget  `json:"targets"`
}

type jsonTarget struct {
	Target   string `json:"target"`
	Healthy  bool   `json:"healthy"`
	Unasked  bool   `json:"unasked,omitempty"`
	Attempts int    `json:"attempts"`
	Reason   string `json:"reason,omitempty"`
}

func (r jsonResult) object() *jsonline.Object {
	var targets []*jsonline.Object
	if r.Targets != nil {
		targets = []*jsonline.Object{}
	}
	for _, t := range r.Targets {
		o := new(jsonline.Object).Field("target", t.Target).Field("healthy", t.Healthy).Some("unasked", t.Unasked)
		targets = append(targets, o.Field("attempts", t.Attempts).Some("reason", t.Reason))
	}
	o := new(jsonline.Object).Field("status", int(r.Status)).Field("healthy", r.Healthy).Field("seconds", r.Seconds)
	return o.Field("attempts", r.Attempts).Some("reason", r.Reason).Field("targets", targets)
}

func (o *waitHealthyOptions) printJSON(c *applet.Call, r health.Result, err error) error {
	out := jsonResult{Healthy: err == nil && !o.pace.Invert, Attempts: r.Attempts, Targets: []jsonTarget{},
		Seconds: r.Elapsed.Round(time.Millisecond).Seconds()}
	out.Status, out.Reason = outcomeOf(err)
	for _, t := range r.Targets {
		j := jsonTarget{Target: t.Check.String(), Healthy: t.Settled, Attempts: t.Attempts}
		if o.pace.Invert {
			j.Healthy = t.Healthy
			out.Healthy = out.Healthy || t.Healthy && err != nil && !isDeath(err)
		}
		if t.Reason != nil {
			j.Reason, j.Unasked = t.Reason.Error(), errors.Is(t.Reason, health.ErrNotAsked)
		}
		out.Targets = append(out.Targets, j)
	}
	return printObject(c, out, out.Status, err)
}
