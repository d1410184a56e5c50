package applet

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/duration"
)

// Progress is the one line that a terminal shows of a wait, from its first second on: how long it has lasted, of how
// much, and what it waits for. The line is written over, and Clear takes it away; no message is written in between.
// Where standard error is no terminal, and under --quiet and --verbose, there is none. A terminal that takes nothing
// delays nobody.
type Progress struct {
	call       *Call
	terminal   int
	wake       chan struct{}
	end, ended chan struct{} // nil: there is no terminal

	mu    sync.Mutex
	begun time.Time
	limit time.Duration // 0: none
	what  string
}

// Progress begins to show a wait of at most limit, 0 for one without.
func (c *Call) Progress(limit time.Duration, format string, args ...any) *Progress {
	p := &Progress{call: c}
	p.Begin(limit, format, args...)
	file, ok := c.Stderr.(*os.File)
	if !ok || c.Quiet || c.Verbose {
		return p
	}
	if _, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ); err != nil {
		return p
	}
	p.terminal = int(file.Fd())
	p.wake, p.end, p.ended = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go p.run()
	return p
}

// Begin is the start of another wait, which has its own limit.
func (p *Progress) Begin(limit time.Duration, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun, p.limit, p.what = time.Now(), limit, fmt.Sprintf(format, args...)
}

// Set is news of the wait, which are seen at once.
func (p *Progress) Set(format string, args ...any) {
	if p.end == nil {
		return
	}
	p.mu.Lock()
	p.what = fmt.Sprintf(format, args...)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run draws the line when there is news, but not too often for the eye, and every second.
func (p *Progress) run() {
	defer close(p.ended)
	const forTheEye = 100 * time.Millisecond
	second := time.NewTicker(time.Second)
	defer second.Stop()
	select {
	case <-second.C:
	case <-p.end:
		return
	}
	for {
		io.WriteString(p.call.Stderr, "\r"+p.line()+"\x1b[K")
		select {
		case <-time.After(forTheEye):
		case <-p.end:
		}
		select {
		case <-p.wake:
		case <-second.C:
		case <-p.end:
			io.WriteString(p.call.Stderr, "\r\x1b[K")
			return
		}
	}
}

func (p *Progress) line() string {
	p.mu.Lock()
	lasted, limit, what := time.Since(p.begun).Round(time.Second/10), p.limit, p.what
	p.mu.Unlock()
	of := ""
	if limit > 0 {
		of = " of " + duration.Format(limit)
	}
	text := Line(fmt.Sprintf("%s: %s%s, %s", p.call.Name, duration.Format(lasted), of, what))
	width := 79 // a longer line could not be written over
	if size, err := unix.IoctlGetWinsize(p.terminal, unix.TIOCGWINSZ); err == nil && size.Col > 10 {
		width = min(width, int(size.Col)-1)
	}
	if runes := []rune(text); len(runes) > width {
		text = string(runes[:width-3]) + "..."
	}
	return text
}

// Clear takes the line away, unless the terminal has not even taken that. It may be called again.
func (p *Progress) Clear() {
	if p == nil || p.end == nil {
		return
	}
	close(p.end)
	select {
	case <-p.ended:
	case <-time.After(time.Second):
	}
	p.end = nil
}
