package jsonline

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Parse reads an object whose fields are strings, numbers, booleans, null and objects of such, as string, float64, bool, nil
// and map[string]any. Lists are refused, and nesting deeper than a few objects; of fields with one name the last counts.
func Parse(text string) (map[string]any, error) {
	const nesting = 4
	p := parser{rest: text}
	object, ok := p.object(nesting)
	if p.space(); !ok || p.rest != "" {
		return nil, errors.New("not a JSON object of plain fields")
	}
	return object, nil
}

// parser reads from the front of rest; each of its methods says whether what it reads was there.
type parser struct{ rest string }

func (p *parser) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

func (p *parser) skip(what string) (ok bool) {
	p.space()
	p.rest, ok = strings.CutPrefix(p.rest, what)
	return ok
}

func (p *parser) object(nesting int) (map[string]any, bool) {
	if nesting == 0 || !p.skip("{") {
		return nil, false
	}
	all := map[string]any{}
	if p.skip("}") {
		return all, true
	}
	for {
		name, ok := p.text()
		if !ok || !p.skip(":") {
			return nil, false
		}
		if all[name], ok = p.value(nesting); !ok {
			return nil, false
		}
		if !p.skip(",") {
			return all, p.skip("}")
		}
	}
}

func (p *parser) value(nesting int) (any, bool) {
	p.space()
	switch {
	case p.rest == "":
		return nil, false
	case p.rest[0] == '{':
		return p.object(nesting - 1)
	case p.rest[0] == '"':
		return p.text()
	case p.skip("true"):
		return true, true
	case p.skip("false"):
		return false, true
	case p.skip("null"):
		return nil, true
	}
	n := 0
	for n < len(p.rest) && strings.IndexByte("+-.0123456789eE", p.rest[n]) >= 0 {
		n++
	}
	f, err := strconv.ParseFloat(p.rest[:n], 64)
	p.rest = p.rest[n:]
	return f, err == nil
}

func (p *parser) text() (string, bool) {
	if !p.skip(`"`) {
		return "", false
	}
	var b strings.Builder
	for {
		i := strings.IndexAny(p.rest, "\"\\")
		if i < 0 {
			return "", false
		}
		b.WriteString(p.rest[:i])
		quote := p.rest[i] == '"'
		if p.rest = p.rest[i+1:]; quote {
			return b.String(), utf8.ValidString(b.String())
		}
		if !p.escape(&b) {
			return "", false
		}
	}
}

// escape reads what follows a backslash.
func (p *parser) escape(b *strings.Builder) bool {
	if p.rest == "" {
		return false
	}
	const letters, meanings = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	i := strings.IndexByte(letters, p.rest[0])
	if i >= 0 {
		b.WriteByte(meanings[i])
		p.rest = p.rest[1:]
		return true
	}
	r, ok := p.unit()
	if ok && utf16.IsSurrogate(r) && strings.HasPrefix(p.rest, `\u`) {
		before := p.rest
		p.rest = p.rest[1:]
		low, _ := p.unit()
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			p.rest = before
		}
	}
	b.WriteRune(r)
	return ok
}

// unit reads uXXXX.
func (p *parser) unit() (rune, bool) {
	if len(p.rest) < 5 || p.rest[0] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(p.rest[1:5], 16, 16)
	p.rest = p.rest[5:]
	return rune(n), err == nil
}
