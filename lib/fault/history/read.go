package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// LineLimit bounds a line, or a form of EDN: a set that is read whole may be long.
const LineLimit = 32 << 20

// Read reads a history that may take so many bytes of memory, 0 for no limit. Its errors are *FormatError, *SizeError, or
// the reader's.
func Read(r io.Reader, memory int64) (*History, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	h := &History{}
	var events []Event
	var used int64
	add := func(e Event, size int) error {
		used += int64(size) + 400 // an event and its half of an operation, with the room that slices grow by
		if memory > 0 && used > memory {
			return &SizeError{e.Line}
		}
		events = append(events, e)
		return nil
	}
	var err error
	if start(in) == '{' {
		h.Cut, err = readJSON(in, add)
	} else {
		h.Cut, err = readEDN(in, add)
		keyed(events)
	}
	if err == nil {
		h.Timed = len(events) > 0 && events[0].Timed
		h.Ops, err = pair(events)
	}
	if err != nil {
		return nil, err
	}
	return h, nil
}

// Events reads lines of EDN without making operations of them.
func Events(r io.Reader) (events []Event, err error) {
	_, err = readEDN(bufio.NewReader(r), func(e Event, _ int) error { events = append(events, e); return nil })
	return events, err
}

// start is '{' for JSON, and for nothing at all.
func start(in *bufio.Reader) byte {
	for n := 1; ; n++ {
		b, err := in.Peek(n)
		if err != nil || n > 4096 {
			return '{'
		}
		switch c := b[n-1]; {
		case strings.IndexByte(" \t\r\n", c) >= 0:
		case c == '{':
			b, _ = in.Peek(n + 64)
			if rest := bytes.TrimLeft(b[n:], " \t\r\n,"); len(rest) > 0 && rest[0] == ':' {
				return ':'
			}
			return '{'
		case c == '[' || c == '#' || c == ';':
			return ':'
		default:
			return '{'
		}
	}
}

func readJSON(in *bufio.Reader, add func(Event, int) error) (cut bool, err error) {
	for n := 1; ; n++ {
		line, err := readLine(in)
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			if errors.Is(err, bufio.ErrBufferFull) {
				err = &FormatError{n, fmt.Sprintf("it is longer than %d bytes", LineLimit)}
			}
			return false, err
		}
		if text := bytes.TrimSpace(line); len(text) > 0 {
			e, skip, err := ParseLine(text)
			switch {
			case err != nil && ended: // its writer was killed in the middle of it: what it had not said, it had not done
				return true, nil
			case err != nil:
				return false, &FormatError{n, err.Error()}
			case !skip:
				e.Line = n
				if err := add(e, len(text)); err != nil {
					return false, err
				}
			}
		}
		if ended {
			return false, nil
		}
	}
}

func readLine(in *bufio.Reader) (line []byte, err error) {
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, err
		case len(line) > LineLimit:
			return nil, bufio.ErrBufferFull
		}
	}
}

// ParseLine reads one line of JSON. Those of a nemesis are skipped: it is no client.
func ParseLine(text []byte) (e Event, skip bool, err error) {
	var raw struct {
		Type    Type            `json:"type"`
		Process json.RawMessage `json:"process"`
		F       string          `json:"f"`
		Key     json.RawMessage `json:"key"`
		Value   any             `json:"value"`
		Time    *json.Number    `json:"time"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&raw); err != nil {
		return e, false, errors.New("it is not a JSON object")
	}
	if d.More() {
		return e, false, errors.New("there is more than one object in it")
	}
	if string(raw.Process) == `"nemesis"` {
		return e, true, nil
	}
	e = Event{Type: raw.Type, F: raw.F, Value: raw.Value}
	if e.Process, err = strconv.ParseInt(string(raw.Process), 10, 64); err != nil {
		return e, false, fmt.Errorf("process %s is not a whole number", raw.Process)
	}
	if e.Key = string(raw.Key); e.Key == "null" {
		e.Key = ""
	} else if s := ""; json.Unmarshal(raw.Key, &s) == nil {
		e.Key = s
	}
	if raw.Time != nil {
		if e.Time, err = raw.Time.Int64(); err != nil {
			return e, false, fmt.Errorf("time %s is not a whole number of nanoseconds", *raw.Time)
		}
		e.Timed = true
	}
	return e, false, e.check()
}

func (e *Event) check() error {
	switch e.Type {
	case Invoke, OK, Fail, Info:
	default:
		return fmt.Errorf("type %q is not invoke, ok, fail or info", e.Type)
	}
	if e.F == "" && e.Type == Invoke {
		return errors.New("f, the operation, is missing")
	}
	return e.micro()
}

// micro takes a transaction of one operation, as Elle's clients write it, for that operation.
func (e *Event) micro() error {
	if e.F != "txn" {
		return nil
	}
	all, _ := e.Value.([]any)
	if len(all) != 1 {
		return errors.New("a transaction of several operations is nothing that these models judge")
	}
	one, _ := all[0].([]any)
	if len(one) != 3 {
		return errors.New("a transaction must be [[f, key, value]]")
	}
	e.F, e.Key, e.Value = fmt.Sprint(one[0]), Text(one[1]), one[2]
	if long := map[string]string{"r": "read", "w": "write"}[e.F]; long != "" {
		e.F = long
	}
	return nil
}

// Text is a value as JSON.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case json.Number:
		return v.String()
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// given is what an operation was given.
func given(e *Event) ([]string, error) {
	if e.F != "cas" {
		if e.F == "read" || e.F == "get" || e.F == "dequeue" || e.Value == nil {
			return nil, nil
		}
		return []string{Text(e.Value)}, nil
	}
	both, _ := e.Value.([]any)
	if len(both) != 2 {
		return nil, &FormatError{e.Line, "the value of cas must be [old, new]"}
	}
	return []string{Text(both[0]), Text(both[1])}, nil
}

// answered is what an operation has read: a value, or those of a list.
func answered(f string, v any) (out []string, isList bool) {
	if f != "read" && f != "get" && f != "dequeue" {
		return nil, false
	}
	all, isList := v.([]any)
	if !isList {
		return []string{Text(v)}, false
	}
	out = make([]string, len(all))
	for i, one := range all {
		out[i] = Text(one)
	}
	return out, true
}
