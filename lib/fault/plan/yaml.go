package plan

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"pidbox/lib/duration"
)

// Parse reads a plan, whose members are a list. Its errors begin with "line:column: ".
func Parse(b []byte) (*Plan, error) { return parsed(b, false) }

func parsed(b []byte, generate bool) (p *Plan, err error) {
	defer func() {
		if recover() != nil { // the YAML library's, which expects no tags
			p, err = nil, errors.New("1:1: this YAML cannot be read")
		}
	}()
	p, err = read(b)
	if err != nil {
		return nil, err
	}
	if generate {
		if err := p.inventoried().in(b); err != nil {
			return nil, err
		}
	}
	if err := p.finish(b); err != nil {
		return nil, err
	}
	return p, nil
}

// read reads the text, of which nothing is checked yet.
func read(b []byte) (*Plan, error) {
	p := new(Plan)
	return p, strict(b, p)
}

// finish fills in what the text does not say, and checks it.
func (p *Plan) finish(b []byte) error {
	p.defaults()
	return p.check().in(b)
}

// in is the error with its place in the text; nil of none.
func (f *flaw) in(b []byte) error {
	if f == nil {
		return nil
	}
	line, column := locate(b, f.path)
	return &placeError{line, column, f.text}
}

// strict reads YAML, without fields that are not known. Its errors begin with "line:column: ".
func strict(b []byte, to any) error {
	file, err := parser.ParseBytes(bytes.TrimPrefix(b, []byte("\ufeff")), 0)
	switch {
	case err != nil:
		return withPlace(err)
	case len(file.Docs) > 1 && file.Docs[1].Body != nil:
		return flawAt(file.Docs[1].Body, "more than one document")
	case len(file.Docs) == 0 || file.Docs[0].Body == nil:
		return nil
	}
	root, err := expand(file.Docs[0].Body)
	if err != nil {
		return err
	}
	if err := yaml.NodeToValue(root, to, yaml.Strict()); err != nil {
		return withPlace(err)
	}
	return nil
}

// placeError is an error with its place in the file.
type placeError struct {
	line, column int
	text         string
}

func (e *placeError) Error() string {
	return fmt.Sprintf("%d:%d: %s", e.line, e.column, strings.Join(strings.Fields(e.text), " "))
}

func flawAt(n ast.Node, format string, args ...any) error {
	at := n.GetToken().Position
	return &placeError{at.Line, at.Column, fmt.Sprintf(format, args...)}
}

// withPlace is an error of the library's with the place that it knows.
func withPlace(err error) error {
	if own := (*placeError)(nil); errors.As(err, &own) {
		return own
	}
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil {
		at := y.GetToken().Position
		return &placeError{at.Line, at.Column, plain(y.GetMessage())}
	}
	return &placeError{1, 1, plain(err.Error())}
}

// plain says what Go's words for a value of another type mean.
func plain(text string) string {
	words := func(t string) string {
		switch {
		case strings.HasPrefix(t, "uint"), strings.HasPrefix(t, "int"):
			return "a whole number"
		case strings.HasPrefix(t, "float"):
			return "a number"
		case t == "bool":
			return "true or false"
		case t == "string":
			return "a text"
		case t == "sequence", strings.HasPrefix(t, "[]"):
			return "a list"
		case t == "mapping", t == "map", strings.HasPrefix(t, "plan."), strings.HasPrefix(t, "map["):
			return "an object with fields"
		}
		return t
	}
	if m := regexp.MustCompile(`cannot unmarshal (\S+) into Go (?:struct field|value) .*?of type (\S+)(?: \( overflow \))?$`).FindStringSubmatch(text); m != nil {
		switch {
		case strings.Contains(text, "overflow"):
			return fmt.Sprintf("%s is out of range", m[1])
		case words(m[1]) == words(m[2]):
			return "a value of the wrong kind"
		}
		return fmt.Sprintf("%s where %s is expected", words(m[1]), words(m[2]))
	}
	if m := regexp.MustCompile(`^(\S+) was used where (\S+) is expected$`).FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("%s where %s is expected", words(m[1]), words(m[2]))
	}
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	if most := 200; len(text) > most { // the library quotes what it could not read, which may be the whole file
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

// placed reads a value, and gives an error its place.
func placed(n ast.Node, read func(func(any) error) error) error {
	err := read(func(v any) error { return yaml.NodeToValue(n, v, yaml.Strict()) })
	if err == nil {
		return nil
	}
	if own := (*placeError)(nil); errors.As(err, &own) {
		return own
	}
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil {
		return withPlace(err)
	}
	return flawAt(first(n), "%v", err)
}

// first is where a node begins: a mapping's own token is its first colon.
func first(n ast.Node) ast.Node {
	if m, is := n.(*ast.MappingNode); is && len(m.Values) > 0 {
		return m.Values[0].Key
	}
	return n
}

// locate finds the place of a path such as $.cases[2].on, or of the nearest one above it that is there.
func locate(b []byte, path string) (line, column int) {
	file, err := parser.ParseBytes(b, 0)
	if err != nil {
		return 1, 1
	}
	for path != "$" && path != "" {
		if p, err := yaml.PathString(path); err == nil {
			if node, err := p.FilterFile(file); err == nil && node != nil {
				token := node.GetToken()
				for token.Prev != nil && strings.HasSuffix(path, "]") && token.Prev.Position.Line == token.Position.Line && token.Value == ":" {
					token = token.Prev // a mapping's token is its first colon
				}
				return token.Position.Line, token.Position.Column
			}
		}
		path = path[:strings.LastIndexAny(path, ".[")]
	}
	return 1, 1
}

// Command is an argument vector, written as a list, or as one text that sh -c runs.
type Command []string

// UnmarshalYAML reads either form.
func (c *Command) UnmarshalYAML(n ast.Node) error { return placed(n, c.read) }

func (c *Command) read(decode func(any) error) error {
	var text string
	if decode(&text) == nil {
		if strings.TrimSpace(text) == "" {
			return errors.New("an empty command")
		}
		*c = Command{"sh", "-c", text}
		return nil
	}
	var argv []string
	if err := decode(&argv); err != nil {
		return errors.New("a command must be a list of words, or one text for sh -c")
	}
	if len(argv) == 0 || argv[0] == "" {
		return errors.New("an empty command")
	}
	*c = argv
	return nil
}

// UnmarshalYAML reads a choice, a name or a list of names.
func (o *On) UnmarshalYAML(n ast.Node) error { return placed(n, o.read) }

func (o *On) read(decode func(any) error) error {
	var text string
	if decode(&text) == nil {
		*o = ParseOn(text)
		return nil
	}
	if err := decode(&o.Names); err != nil || len(o.Names) == 0 {
		return errors.New("on must be one, follower, leader, minority, majority, all, or names of members")
	}
	return nil
}

// Duration is a span of time: Go's syntax, or seconds.
type Duration time.Duration

// UnmarshalYAML reads it.
func (d *Duration) UnmarshalYAML(n ast.Node) error { return placed(n, d.read) }

func (d *Duration) read(decode func(any) error) error {
	var text string
	if err := decode(&text); err != nil {
		return errors.New("a duration must be a text such as 500ms or 1m, or a number of seconds")
	}
	v, err := duration.Parse(text)
	*d = Duration(v)
	return err
}

// Positive is a Duration that is not zero, which stands for the default where nothing is said.
type Positive time.Duration

// UnmarshalYAML reads it.
func (d *Positive) UnmarshalYAML(n ast.Node) error {
	var v Duration
	if err := v.UnmarshalYAML(n); err != nil {
		return err
	}
	*d = Positive(v)
	return above(n, v > 0)
}

// above refuses a field's value that is not above zero.
func above(n ast.Node, is bool) error {
	if is {
		return nil
	}
	path := n.GetPath()
	return flawAt(first(n), "%s must be greater than zero", path[strings.LastIndexByte(path, '.')+1:])
}

// Frequency is a number for each second, and not zero.
type Frequency float64

// UnmarshalYAML reads it.
func (f *Frequency) UnmarshalYAML(n ast.Node) error {
	var v float64
	if err := yaml.NodeToValue(n, &v); err != nil {
		return withPlace(err)
	}
	*f = Frequency(v)
	return above(n, v > 0)
}

// Count is a whole number that is not zero, which stands for the default where nothing is said.
type Count int

// UnmarshalYAML reads it.
func (c *Count) UnmarshalYAML(n ast.Node) error {
	var v int
	if err := yaml.NodeToValue(n, &v); err != nil {
		return withPlace(err)
	}
	if _, is := n.(*ast.FloatNode); is {
		return flawAt(n, "a number where a whole number is expected")
	}
	*c = Count(v)
	return above(n, v > 0)
}

// Span is a duration, or one between two.
type Span struct{ From, To Duration }

// UnmarshalYAML reads 5s, or 4s..6s.
func (s *Span) UnmarshalYAML(n ast.Node) error { return placed(n, s.read) }

func (s *Span) read(decode func(any) error) error {
	var text string
	if err := decode(&text); err != nil {
		return errors.New("a duration is a text such as 500ms or 1m, or seconds")
	}
	from, to, is := strings.Cut(text, "..")
	if !is {
		to = from
	}
	a, err := duration.Parse(strings.TrimSpace(from))
	if err != nil {
		return err
	}
	b, err := duration.Parse(strings.TrimSpace(to))
	if err == nil && b < a {
		err = fmt.Errorf("%s is the other way round", text)
	}
	s.From, s.To = Duration(a), Duration(b)
	return err
}

// Size is a number of bytes: 4096, 64KiB, 1.5MiB.
type Size uint64

// UnmarshalYAML reads it.
func (s *Size) UnmarshalYAML(n ast.Node) error { return placed(n, s.read) }

func (s *Size) read(decode func(any) error) error {
	var text string
	if err := decode(&text); err != nil {
		return errors.New("a size must be a number of bytes such as 4096, 64KiB or 1.5MiB")
	}
	v, err := ParseSize(text)
	*s = Size(v)
	return err
}

// ParseSize reads a number of bytes: 4096, 64KiB, 1.5MiB.
func ParseSize(text string) (uint64, error) {
	number, unit := text, 1.0
	for i, suffix := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if n, ok := strings.CutSuffix(text, suffix); ok {
			number, unit = strings.TrimSpace(n), math.Pow(1024, float64(i+1))
		}
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !(v >= 0) || v*unit >= 1<<62 {
		return 0, fmt.Errorf("%q is not a number of bytes such as 4096, 64KiB or 1.5MiB", text)
	}
	return uint64(v * unit), nil
}
