//go:build !pidbox_some || applet_sipid || applet_wait_healthy

package applets

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/duration"
	"pidbox/lib/health"
)

// progress tells of attempts: each on a line of its own with --verbose, else on a terminal on one that is written over,
// also while an attempt lasts. A terminal that takes nothing delays no attempt.
type progress struct {
	call       *applet.Call
	limit      string // " of 1m"
	begun      time.Time
	wake       chan struct{}
	end, ended chan struct{} // nil: there is no terminal

	mu   sync.Mutex
	what string // target and answer
}

func (o *waitHealthyOptions) progress(c *applet.Call, targets int) *progress {
	p := &progress{call: c, begun: time.Now()}
	if o.timeout > 0 {
		p.limit = " of " + duration.Format(o.timeout)
	}
	if p.what = "no answer yet"; targets > 1 {
		p.what = fmt.Sprintf("no answer of %d targets yet", targets)
	}
	file, ok := c.Stderr.(*os.File)
	if !ok || c.Quiet || c.Verbose {
		return p
	}
	if info, err := file.Stat(); err != nil || info.Mode()&fs.ModeCharDevice == 0 {
		return p
	}
	p.wake, p.end, p.ended = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go p.run()
	return p
}

func (p *progress) show(a health.Attempt) {
	answer := "healthy"
	if a.Err != nil {
		answer = a.Err.Error()
	}
	p.call.Tell("attempt %d after %s: %s: %s", a.Number, brief(a.Elapsed), a.Check, answer)
	if p.end == nil || a.Err == nil {
		return
	}
	p.mu.Lock()
	p.what = fmt.Sprintf("attempt %d: %s: %s", a.Number, a.Check, answer)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run draws the line after an attempt, but not too often for the eye, and every second.
func (p *progress) run() {
	defer close(p.ended)
	const forTheEye = 100 * time.Millisecond
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for drawn := false; ; drawn = true {
		select {
		case <-p.wake:
		case <-second.C:
		case <-p.end:
			if drawn {
				io.WriteString(p.call.Stderr, "\r\x1b[K")
			}
			return
		}
		p.draw()
		select {
		case <-time.After(forTheEye):
		case <-p.end:
		}
	}
}

func (p *progress) draw() {
	p.mu.Lock()
	what := p.what
	p.mu.Unlock()
	lasted := time.Since(p.begun).Round(time.Second / 10)
	text := applet.Line(fmt.Sprintf("%s: %s%s, %s", p.call.Name, brief(lasted), p.limit, what))
	const width = 79 // a longer line could not be written over
	if runes := []rune(text); len(runes) > width {
		text = string(runes[:width-3]) + "..."
	}
	io.WriteString(p.call.Stderr, "\r"+text+"\x1b[K")
}

// clear takes the line away, unless the terminal has not even taken that.
func (p *progress) clear() {
	if p.end == nil {
		return
	}
	close(p.end)
	select {
	case <-p.ended:
	case <-time.After(time.Second):
	}
}
