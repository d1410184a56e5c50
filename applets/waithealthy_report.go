package applets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/health"
	"pidbox/lib/signals"
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
		return applet.Fail(128+applet.Status(caught.Signal), "%w after %s: %s", err, brief(r.Elapsed), o.last(r))
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
	err := applet.Fail(applet.TimedOut, "%s after %s and %s: %s", not, brief(o.timeout), attempts(r.Attempts), o.last(r))
	if o.pace.Interval >= o.timeout {
		return applet.WithHint(err, "the interval of %s leaves time for one attempt only", brief(o.pace.Interval))
	}
	return err
}

func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
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

// progress tells of attempts: each on a line of its own with --verbose, else on a terminal on one that is written over.
type progress struct {
	call   *applet.Call
	line   bool // there is a terminal
	drawn  bool
	change time.Duration // of the line, the last
}

func (o *waitHealthyOptions) progress(c *applet.Call) *progress {
	file, ok := c.Stderr.(*os.File)
	p := &progress{call: c}
	if ok && !c.Quiet && !c.Verbose {
		info, err := file.Stat()
		p.line = err == nil && info.Mode()&fs.ModeCharDevice != 0
	}
	return p
}

func (p *progress) show(a health.Attempt) {
	answer := "healthy"
	if a.Err != nil {
		answer = a.Err.Error()
	}
	p.call.Tell("attempt %d after %s: %s: %s", a.Number, brief(a.Elapsed), a.Check, answer)
	const tooFast = 100 * time.Millisecond // for the eye
	if !p.line || a.Err == nil || p.drawn && a.Elapsed-p.change < tooFast {
		return
	}
	p.drawn, p.change = true, a.Elapsed
	text := fmt.Sprintf("%s: %s, attempt %d: %s: %s", p.call.Name, brief(a.Elapsed.Round(time.Second/10)), a.Number, a.Check, answer)
	const width = 79 // a longer line could not be written over
	if runes := []rune(applet.Line(text)); len(runes) > width {
		text = string(runes[:width-3]) + "..."
	}
	io.WriteString(p.call.Stderr, "\r"+applet.Line(text)+"\x1b[K")
}

// clear takes the line away.
func (p *progress) clear() {
	if p.drawn {
		io.WriteString(p.call.Stderr, "\r\x1b[K")
	}
}

type jsonResult struct {
	Healthy  bool         `json:"healthy"`
	Seconds  float64      `json:"seconds"`
	Attempts int          `json:"attempts"`
	Reason   string       `json:"reason,omitempty"`
	Targets  []jsonTarget `json:"targets"`
}

type jsonTarget struct {
	Target   string `json:"target"`
	Healthy  bool   `json:"healthy"`
	Attempts int    `json:"attempts"`
	Reason   string `json:"reason,omitempty"`
}

func (o *waitHealthyOptions) printJSON(c *applet.Call, r health.Result, err error) error {
	out := jsonResult{Healthy: err == nil && !o.pace.Invert, Seconds: r.Elapsed.Seconds(), Attempts: r.Attempts}
	if err != nil {
		out.Reason = err.Error()
	}
	for _, t := range r.Targets {
		j := jsonTarget{Target: t.Check.String(), Healthy: t.Settled, Attempts: t.Attempts}
		if o.pace.Invert {
			j.Healthy = t.Healthy
			out.Healthy = out.Healthy || t.Healthy && err != nil && !isDeath(err)
		}
		if t.Reason != nil {
			j.Reason = t.Reason.Error()
		}
		out.Targets = append(out.Targets, j)
	}
	text, err := json.Marshal(out)
	if err == nil {
		_, err = io.WriteString(c.Stdout, strings.TrimSpace(string(text))+"\n")
	}
	return err
}
