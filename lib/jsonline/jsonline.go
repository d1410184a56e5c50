// Package jsonline writes and reads JSON objects of a few plain fields, a line each. It does for them what encoding/json
// does, byte for byte, without the tables, the reflection and the quarter of a megabyte that small builds have no room for.
package jsonline

import (
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// Object is a JSON object being written, its fields in the order of the calls. The zero value is empty.
type Object struct {
	text []byte
	Bare bool // <, > and & are written as they are; or else as escapes, as in json.Marshal
}

// Field adds a field. The value is a string, an int, an int64, a float64, a bool, a time.Time, an *Object or
// a []*Object; of anything else
// the field is null.
func (o *Object) Field(name string, value any) *Object {
	if len(o.text) > 0 {
		o.text = append(o.text, ',')
	}
	o.quote(name)
	o.text = append(o.text, ':')
	switch v := value.(type) {
	case string:
		o.quote(v)
	case int:
		o.text = strconv.AppendInt(o.text, int64(v), 10)
	case int64:
		o.text = strconv.AppendInt(o.text, v, 10)
	case float64:
		o.number(v)
	case bool:
		o.text = strconv.AppendBool(o.text, v)
	case time.Time:
		o.quote(v.Format(time.RFC3339Nano))
	case *Object:
		o.text = append(o.text, v.String()...)
	case []*Object:
		o.list(v)
	default:
		o.text = append(o.text, "null"...)
	}
	return o
}

// list writes a list; nil is null, as in json.Marshal.
func (o *Object) list(all []*Object) {
	if all == nil {
		o.text = append(o.text, "null"...)
		return
	}
	o.text = append(o.text, '[')
	for i, one := range all {
		if i > 0 {
			o.text = append(o.text, ',')
		}
		o.text = append(o.text, one.String()...)
	}
	o.text = append(o.text, ']')
}

// Some is Field where the value says something: not "", 0 or false.
func (o *Object) Some(name string, value any) *Object {
	switch value {
	case "", 0, 0.0, false:
		return o
	}
	return o.Field(name, value)
}

// String is the object on one line, without the line's end.
func (o *Object) String() string { return "{" + string(o.text) + "}" }

// number writes f as ECMAScript does. What is no number is null.
func (o *Object) number(f float64) {
	size := math.Abs(f)
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		o.text = append(o.text, "null"...)
	case size != 0 && (size < 1e-6 || size >= 1e21):
		o.text = strconv.AppendFloat(o.text, f, 'e', -1, 64)
		if n := len(o.text); n >= 4 && o.text[n-4] == 'e' && o.text[n-3] == '-' && o.text[n-2] == '0' { // e-09 is e-9
			o.text[n-2] = o.text[n-1]
			o.text = o.text[:n-1]
		}
	default:
		o.text = strconv.AppendFloat(o.text, f, 'f', -1, 64)
	}
}

func (o *Object) quote(s string) {
	const hex = "0123456789abcdef"
	b := append(o.text, '"')
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(b, `\ufffd`...)
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\b':
			b = append(b, `\b`...)
		case r == '\f':
			b = append(b, `\f`...)
		case r < ' ' || !o.Bare && (r == '<' || r == '>' || r == '&'):
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		case r == '\u2028' || r == '\u2029': // ends of lines to JavaScript
			b = append(b, '\\', 'u', '2', '0', '2', hex[r&15])
		default:
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	o.text = append(b, '"')
}
