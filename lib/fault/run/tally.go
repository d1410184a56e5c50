package run

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"pidbox/lib/fault/history"
	"pidbox/lib/fault/report"
)

// printLimit bounds what a load may print in a case, and by that the memory and the disk that it costs.
const printLimit = 256 << 20

// markLimit bounds how many operations are kept of it: 128 MiB of memory. What reports more in a case does not wait for answers.
const markLimit = 2 << 20

// mark is an operation that a load has reported.
type mark struct {
	from, to time.Time // from is its invocation where the load reports it
	kind     history.Type
	reads    bool
	known    bool // that it is, and what it is
}

// tally reads what a load prints: a line for each operation that ended, "ok", "fail" or "info" and what follows, or a
// history. All of it goes to a file as well.
type tally struct {
	mu      sync.Mutex
	file    io.Writer
	marks   []mark
	open    map[int64]mark
	part    []byte
	printed int64
	over    bool // a limit, and no more is kept
	err     error
}

func (t *tally) Write(b []byte) (int, error) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	switch t.printed += int64(len(b)); {
	case t.over:
		return len(b), nil
	case t.printed > printLimit:
		t.over, t.err = true, fmt.Errorf("it printed more than %d MiB", printLimit>>20)
		return len(b), nil
	case len(t.marks) > markLimit:
		t.over, t.err = true, fmt.Errorf("it reported more than %d operations", markLimit)
		return len(b), nil
	}
	if _, err := t.file.Write(b); err != nil && t.err == nil {
		t.err = err
	}
	for rest := b; ; {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		if !ended {
			if len(t.part) < history.LineLimit {
				t.part = append(t.part, line...)
			}
			return len(b), nil
		}
		if len(t.part) > 0 {
			line = append(t.part, line...)
			t.part = nil
		}
		t.line(bytes.TrimSpace(line), now)
		rest = after
	}
}

func (t *tally) line(line []byte, now time.Time) {
	if bytes.HasPrefix(line, []byte("{")) {
		e, skip, err := history.ParseLine(line)
		if err != nil {
			e, skip, err = edn(line)
		}
		if err != nil || skip {
			return
		}
		if e.Type == history.Invoke {
			t.open[e.Process] = mark{from: now, reads: e.F == "read" || e.F == "get", known: true}
			return
		}
		m, known := t.open[e.Process]
		if !known {
			m.from = now
		}
		delete(t.open, e.Process)
		m.to, m.kind = now, e.Type
		t.marks = append(t.marks, m)
		return
	}
	word, _, _ := strings.Cut(string(line[:min(len(line), 16)]), " ")
	switch kind := history.Type(word); kind {
	case history.OK, history.Fail, history.Info:
		t.marks = append(t.marks, mark{from: now, to: now, kind: kind})
	}
}

func edn(line []byte) (history.Event, bool, error) {
	h, err := history.Events(bytes.NewReader(line))
	if err != nil || len(h) != 1 {
		return history.Event{}, true, err
	}
	return h[0], false, nil
}

// failure is what is wrong with what was kept: nothing can be told by it.
func (t *tally) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// between are the operations that ended in a span.
func (t *tally) between(from, to time.Time) []mark {
	t.mu.Lock()
	defer t.mu.Unlock()
	var some []mark
	i, _ := slices.BinarySearchFunc(t.marks, from, func(m mark, at time.Time) int { return m.to.Compare(at) })
	for ; i < len(t.marks) && t.marks[i].to.Before(to); i++ {
		some = append(some, t.marks[i])
	}
	return some
}

// pending are the operations under way that had been invoked by then.
func (t *tally) pending() []mark {
	t.mu.Lock()
	defer t.mu.Unlock()
	var some []mark
	for _, m := range t.open {
		some = append(some, m)
	}
	return some
}

// phase counts the operations that ended in a span.
func phase(name string, tallies []*tally, from, to time.Time) report.Phase {
	p := report.Phase{Name: name, Seconds: to.Sub(from).Seconds()}
	for _, t := range tallies {
		for _, m := range t.between(from, to) {
			switch m.kind {
			case history.OK:
				p.OK++
			case history.Fail:
				p.Failed++
			default:
				p.Unknown++
			}
		}
	}
	if p.Seconds > 0 {
		p.Rate = float64(p.OK) / p.Seconds
	}
	return p
}
