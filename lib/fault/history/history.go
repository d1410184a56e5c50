// Package history reads what the clients of a store did, and judges whether a store that keeps its promise could have
// answered so.
//
// A history is a line of JSON for each event, as
//
//	{"type":"invoke","process":0,"f":"write","key":"a","value":1}
//	{"type":"ok","process":0,"f":"write","key":"a","value":1}
//
// or what Jepsen writes, in EDN. The types are invoke, and ok, fail (it certainly had no effect) and info (nobody knows)
// for its end. A process has one operation under way at a time. Lines stand in the order in which one writer printed
// them: an invoke before the request, its end after the answer. By that each operation lies within its lines, and a
// violation is one. A time, in nanoseconds, orders them instead, if each line has it.
package history

import (
	"fmt"
	"math"
	"slices"
)

// Type is what an event says.
type Type string

// The types of events.
const (
	Invoke Type = "invoke"
	OK     Type = "ok"
	Fail   Type = "fail"
	Info   Type = "info"
)

// Event is one line.
type Event struct {
	Type    Type
	Process int64
	F       string
	Key     string
	Value   any // as encoding/json reads it, numbers as json.Number
	Time    int64
	Timed   bool
	Line    int
}

// Op is an operation: its call, and its end.
type Op struct {
	Process      int64
	F            string
	Key          string
	In           []string // what it was given, as JSON: one value, or those of a list
	Out          []string // what an OK answered: one value, or those of a list
	List         bool     // it was a list
	Call, Return int64    // Return is never for Info
	Line         int      // of the invoke
	Last         int      // of its end; 0: none
	Type         Type     // of the end; Info if there was none
}

// never is the time of what has not come yet.
const never = math.MaxInt64

// String is the operation as a message names it.
func (o *Op) String() string {
	return fmt.Sprintf("line %d: process %d: %s", max(o.Line, o.Last), o.Process, o.short())
}

func (o *Op) short() string {
	in, out := "", ""
	if len(o.In) > 0 {
		in = " " + list(o.In)
	}
	if o.Type == OK && (o.F == "read" || o.F == "dequeue") {
		out = " -> " + list(o.Out)
	}
	if o.Type == Info {
		out = " (unknown)"
	}
	return o.F + in + out
}

func list(v []string) string {
	const most = 8
	switch {
	case len(v) == 1:
		return v[0]
	case len(v) > most:
		return fmt.Sprintf("[... %s], %d values", join(v[len(v)-most:]), len(v))
	}
	return "[" + join(v) + "]"
}

func join(v []string) (s string) {
	for i, one := range v {
		if i > 0 {
			s += " "
		}
		s += one
	}
	return s
}

// History is operations in the order of their calls.
type History struct {
	Ops   []Op
	Cut   bool // the last line had no end, and was left out
	Timed bool // its own times order it, not its lines
}

// Count is how many operations ended so.
func (h *History) Count(t Type) (n int) {
	for i := range h.Ops {
		if h.Ops[i].Type == t {
			n++
		}
	}
	return n
}

// FormatError is what is no history, with its line.
type FormatError struct {
	Line int
	Text string
}

func (e *FormatError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

// SizeError is a history that does not fit into the memory allowed.
type SizeError struct{ Line int }

func (e *SizeError) Error() string {
	return fmt.Sprintf("line %d: the history needs more memory than is allowed", e.Line)
}

// pair makes operations of events.
func pair(events []Event) ([]Op, error) {
	timed := 0
	for i := range events {
		if events[i].Timed {
			timed++
		}
	}
	if timed != 0 && timed != len(events) {
		for i := range events {
			if events[i].Timed != events[0].Timed {
				return nil, &FormatError{events[i].Line, "some lines have a time, and some have none"}
			}
		}
	}
	if timed > 0 {
		slices.SortStableFunc(events, func(a, b Event) int { return compare(a.Time, b.Time) })
	}
	var ops []Op
	open := map[int64]int{}
	for i := range events {
		e, at := &events[i], int64(i)
		if timed > 0 {
			at = e.Time
		}
		j, pending := open[e.Process]
		switch {
		case e.Type == Invoke && pending:
			return nil, &FormatError{e.Line, fmt.Sprintf("process %d invokes %s, but its operation of line %d has not ended", e.Process, e.F, ops[j].Line)}
		case e.Type == Invoke:
			in, err := given(e)
			if err != nil {
				return nil, err
			}
			ops = append(ops, Op{Process: e.Process, F: e.F, Key: e.Key, In: in, Call: at, Return: never, Line: e.Line, Type: Info})
			open[e.Process] = len(ops) - 1
			continue
		case !pending:
			return nil, &FormatError{e.Line, fmt.Sprintf("process %d ends %s, but has not invoked it", e.Process, e.F)}
		}
		o := &ops[j]
		if e.F != "" && e.F != o.F || e.Key != "" && e.Key != o.Key {
			return nil, &FormatError{e.Line, fmt.Sprintf("process %d ends %s %s, but invoked %s %s in line %d", e.Process, e.F, e.Key, o.F, o.Key, o.Line)}
		}
		delete(open, e.Process)
		o.Type, o.Last = e.Type, e.Line
		if e.Type == Info {
			continue
		}
		o.Return = at
		if e.Type != OK {
			continue
		}
		o.Out, o.List = answered(o.F, e.Value)
		if what, err := given(e); echoes(o.F) && e.Value != nil && (err != nil || !slices.Equal(what, o.In)) {
			return nil, &FormatError{e.Line, fmt.Sprintf("process %d ends %s %s, but invoked it with %s in line %d", e.Process, o.F, Text(e.Value), list(o.In), o.Line)}
		}
	}
	return ops, nil
}

// echoes says whether the end of an operation has the value that it was invoked with, or none.
func echoes(f string) bool {
	return slices.Contains([]string{"write", "put", "cas", "enqueue", "append"}, f)
}
