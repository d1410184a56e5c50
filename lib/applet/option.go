package applet

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pidbox/lib/duration"
	"pidbox/lib/signals"
)

// Kind says what an option's value is, for completions.
type Kind int

// The kinds of values.
const (
	Text Kind = iota
	File
	Dir
	SignalName
	User
	Command
)

// Option is one option of an applet: its spellings without dashes (the first is the one shown first), the
// placeholder of its value ("" for a switch), its meaning, and where the value goes.
type Option struct {
	Names    []string
	Arg      string
	Text     string
	Kind     Kind
	Optional bool // the value may be left out: --name or --name=VALUE
	Repeat   bool // may be given more than once
	Value    Value
}

// Value is where the text of an option goes. Of a switch, and of an option whose value can be left out, it also has a method
// IsBoolFlag that returns true, as package flag wants it.
type Value interface {
	Set(text string) error
	String() string
}

// As sets what the value is, for completions.
func (o Option) As(k Kind) Option { o.Kind = k; return o }

// Switch is an option without a value.
func Switch(to *bool, names, text string) Option {
	o := Set(names, "", text, func(s string) error {
		on, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("takes no value, and %q was given", s)
		}
		*to = on
		return nil
	})
	o.Value = switchValue{o.Value.(value)}
	return o
}

// String is an option with any text as value but the empty one, which an unset variable of a script leaves: it must not
// pass for an option that was not given.
func String(to *string, names, arg, text string) Option { return Parsed(to, names, arg, text, filled) }

// Strings is String for an option that may be given again and again; commas are part of a value.
func Strings(to *[]string, names, arg, text string) Option { return Each(to, names, arg, text, filled) }

// Verbatim is an option with any text as value, for a drop-in whose model decides what an empty one means.
func Verbatim(to *string, names, arg, text string) Option {
	return Set(names, arg, text, func(s string) error { *to = s; return nil })
}

func filled(s string) (string, error) {
	if s == "" {
		return "", errors.New("the value is empty")
	}
	return s, nil
}

// Each is an option that may be given again and again, each text a value of any type.
func Each[T any](to *[]T, names, arg, text string, parse func(string) (T, error)) Option {
	o := Set(names, arg, text, func(s string) error {
		v, err := parse(s)
		if err == nil {
			*to = append(*to, v)
		}
		return err
	})
	o.Repeat = true
	return o
}

// Duration is an option in Go's syntax or in bare seconds, not negative.
func Duration(to *time.Duration, names, arg, text string) Option {
	return Parsed(to, names, arg, text, duration.Parse)
}

// Signal is an option that names a signal: TERM, SIGTERM or 15.
func Signal(to *syscall.Signal, names, arg, text string) Option {
	return Parsed(to, names, arg, text, signals.Parse).As(SignalName)
}

// Parsed is an option whose text becomes a value of any type.
func Parsed[T any](to *T, names, arg, text string, parse func(string) (T, error)) Option {
	return Set(names, arg, text, func(s string) error {
		v, err := parse(s)
		if err == nil {
			*to = v
		}
		return err
	})
}

// Set is an option that hands each given value to a function.
func Set(names, arg, text string, set func(string) error) Option {
	return Option{Names: strings.Fields(names), Arg: arg, Text: text, Value: value{set}}
}

// Optionally is Set for a value that may be left out: --name gives set the text in without.
func Optionally(names, arg, text, without string, set func(string) error) Option {
	o := Set(names, arg, text, func(s string) error {
		if s == "true" { // what the flag package passes for a bare --name
			s = without
		}
		return set(s)
	})
	o.Optional, o.Value = true, switchValue{o.Value.(value)}
	return o
}

type value struct{ set func(string) error }

func (v value) Set(s string) error { return v.set(s) }
func (value) String() string       { return "" } // no default is shown, and none is set again

type switchValue struct{ value }

func (switchValue) IsBoolFlag() bool { return true }
