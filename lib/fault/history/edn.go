package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// edn reads forms of Clojure's notation, as far as histories hold them.
type edn struct {
	in    *bufio.Reader
	line  int
	size  int // of the form so far
	depth int
}

// marks of a form that was closed, or left out.
type (
	closing rune
	nothing struct{}
)

const depthLimit = 64

func readEDN(in *bufio.Reader, add func(Event, int) error) (cut bool, err error) {
	r := &edn{in: in, line: 1}
	within := false // one vector around all
	for {
		if c, err := r.skip(); err != nil {
			return within, r.end(err)
		} else if c == '[' && !within {
			_, _ = r.get()
			within = true
			continue
		}
		r.size = 0
		line := r.line
		form, err := r.form()
		switch {
		case errors.Is(err, io.EOF):
			return true, nil // its writer was killed in the middle of it
		case err != nil:
			return false, r.end(err)
		case within && form == closing(']'):
			return false, nil
		case form == nothing{}:
			continue
		}
		m, isMap := form.(map[string]any)
		if !isMap {
			return false, &FormatError{line, "it is not an EDN map"}
		}
		e, skip, err := event(m)
		if err != nil {
			return false, &FormatError{line, err.Error()}
		}
		if e.Line = line; skip {
			continue
		}
		if err := add(e, r.size); err != nil {
			return false, err
		}
	}
}

func (r *edn) end(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	if format := (*FormatError)(nil); errors.As(err, &format) {
		return err
	}
	return fmt.Errorf("line %d: %w", r.line, err)
}

func event(m map[string]any) (e Event, skip bool, err error) {
	number, isNumber := m["process"].(json.Number)
	if !isNumber {
		return e, true, nil // the nemesis
	}
	if e.Process, err = number.Int64(); err != nil {
		return e, false, fmt.Errorf("process %s is not a whole number", number)
	}
	kind, _ := m["type"].(string)
	e.F, _ = m["f"].(string)
	e.Type, e.Value = Type(kind), m["value"]
	if k := m["key"]; k != nil {
		e.Key = Text(k)
	}
	if t, ok := m["time"].(json.Number); ok {
		if e.Time, err = t.Int64(); err != nil {
			return e, false, fmt.Errorf("time %s is not a whole number of nanoseconds", t)
		}
		e.Timed = true
	}
	return e, false, e.check()
}

// keyed takes [key value] for a key and a value where all operations have that, as those of Jepsen's independent tests.
func keyed(events []Event) {
	for i := range events {
		e := &events[i]
		both, _ := e.Value.([]any)
		if e.Key != "" || len(both) != 2 {
			return
		}
		inner, _ := both[1].([]any)
		if e.F == "cas" && len(inner) != 2 || e.F == "read" && e.Type == Invoke && both[1] != nil {
			return
		}
	}
	for i := range events {
		both := events[i].Value.([]any)
		events[i].Key, events[i].Value = Text(both[0]), both[1]
	}
}

func (r *edn) get() (byte, error) {
	c, err := r.in.ReadByte()
	if r.size++; r.size > LineLimit {
		return 0, &FormatError{r.line, fmt.Sprintf("it is longer than %d bytes", LineLimit)}
	}
	if c == '\n' {
		r.line++
	}
	return c, err
}

func (r *edn) peek() (byte, error) {
	b, err := r.in.Peek(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// skip passes blanks and comments, and says what comes next.
func (r *edn) skip() (byte, error) {
	for {
		c, err := r.peek()
		switch {
		case err != nil:
			return 0, err
		case c == ';':
			for c != '\n' && err == nil {
				c, err = r.get()
			}
		case c <= ' ' || c == ',':
			if _, err := r.get(); err != nil {
				return 0, err
			}
		default:
			return c, nil
		}
	}
}

func (r *edn) form() (any, error) {
	if r.depth++; r.depth > depthLimit {
		return nil, &FormatError{r.line, "it is nested too deeply"}
	}
	defer func() { r.depth-- }()
	c, err := r.skip()
	if err != nil {
		return nil, err
	}
	switch c {
	case '{', '[', '(':
		_, _ = r.get()
		return r.list(map[byte]closing{'{': '}', '[': ']', '(': ')'}[c], c == '{')
	case '}', ']', ')':
		_, _ = r.get()
		return closing(c), nil
	case '"':
		_, _ = r.get()
		return r.text()
	case '#':
		_, _ = r.get()
		return r.tagged()
	}
	return r.word()
}

func (r *edn) tagged() (any, error) {
	c, err := r.peek()
	switch {
	case err != nil:
		return nil, err
	case c == '{':
		_, _ = r.get()
		return r.list('}', false) // a set, which is read as a list
	case c == '_':
		_, _ = r.get()
		_, err := r.form()
		return nothing{}, err
	}
	if _, err := r.word(); err != nil { // #inst, #jepsen.history.Op: what it is matters less than what follows
		return nil, err
	}
	return r.form()
}

func (r *edn) list(end closing, isMap bool) (any, error) {
	all := []any{}
	for {
		v, err := r.form()
		if err != nil {
			return nil, err
		}
		if v == end {
			break
		}
		switch v := v.(type) {
		case nothing:
			continue
		case closing:
			return nil, &FormatError{r.line, fmt.Sprintf("there is a %q where a %q is wanted", rune(v), rune(end))}
		}
		all = append(all, v)
	}
	if !isMap {
		return all, nil
	}
	m := map[string]any{}
	if len(all)%2 != 0 {
		return nil, &FormatError{r.line, "a key of a map has no value"}
	}
	for i := 0; i < len(all); i += 2 {
		k, _ := all[i].(string)
		m[k] = all[i+1]
	}
	return m, nil
}

func (r *edn) text() (any, error) {
	var b strings.Builder
	b.WriteByte('"')
	for escaped := false; ; {
		c, err := r.get()
		if err != nil {
			return nil, err
		}
		b.WriteByte(c)
		if c == '"' && !escaped {
			break
		}
		escaped = c == '\\' && !escaped
	}
	s, err := strconv.Unquote(strings.ReplaceAll(b.String(), "\n", `\n`))
	if err != nil {
		return nil, &FormatError{r.line, "a string cannot be read"}
	}
	return s, nil
}

func (r *edn) word() (any, error) {
	var b strings.Builder
	for {
		c, err := r.peek()
		if errors.Is(err, io.EOF) && b.Len() > 0 {
			break
		}
		if err != nil {
			return nil, err
		}
		if c <= ' ' || strings.IndexByte(`,{}[]()";`, c) >= 0 {
			break
		}
		_, _ = r.get()
		b.WriteByte(c)
	}
	w := b.String()
	switch w {
	case "nil":
		return nil, nil
	case "true", "false":
		return w == "true", nil
	case "":
		return nil, &FormatError{r.line, "it is not EDN"}
	}
	if w[0] == ':' {
		return w[1:], nil
	}
	if n := strings.TrimRight(w, "NM"); json.Valid([]byte(n)) {
		return json.Number(n), nil
	}
	return w, nil
}
