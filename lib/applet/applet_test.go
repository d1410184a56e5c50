package applet

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"
)

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"plain é 世 text": "plain é 世 text", "a\nb": `a\nb`, "\x1b[31m": `\x1b[31m`, "\xff\x00": `\xff\x00`,
		"tab\there": `tab\there`, "bidi\u202e": `bidi\u202e`, "\ufffd": "�", `back\slash "q"`: `back\slash "q"`, "": "",
	} {
		if got := Line(text); got != want {
			t.Errorf("Line(%q) = %q, want %q", text, got, want)
		}
	}
}

type writes struct{ calls []string }

func (w *writes) Write(b []byte) (int, error) {
	w.calls = append(w.calls, string(b))
	return len(b), nil
}

func TestSayIsOneLineInOneWrite(t *testing.T) {
	var w writes
	c := &Call{Name: "pid-kill", Stderr: &w}
	c.Say("left %s", "a\nb")
	c.Tell("unseen")
	c.Verbose = true
	c.Tell("seen")
	if got := strings.Join(w.calls, "|"); got != "pid-kill: left a\\nb\n|pid-kill: seen\n" {
		t.Errorf("wrote %q", got)
	}
}

func TestOptions(t *testing.T) {
	var mode fs.FileMode
	var on bool
	for _, c := range []struct {
		o    Option
		text string
		want string // of the error
	}{
		{Parsed(&mode, "mode", "M", "m", Mode), "644", ""},
		{Parsed(&mode, "mode", "M", "m", Mode), "888", `"888" is not an octal mode from 0 to 777`},
		{Parsed(&mode, "mode", "M", "m", Mode), "1777", `"1777" is not an octal mode from 0 to 777`},
		{Switch(&on, "on", "o"), "true", ""},
		{Switch(&on, "on", "o"), "si", `takes no value, and "si" was given`},
	} {
		got := ""
		if err := c.o.Value.Set(c.text); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%v %q: %q, want %q", c.o.Names, c.text, got, c.want)
		}
	}
	if mode != 0o644 || !on {
		t.Errorf("mode %o, on %v", mode, on)
	}
}

func TestCommonOptionsGiveWay(t *testing.T) {
	var path string
	a := &Applet{Options: []Option{String(&path, "quick q", "X", "x"), String(&path, "version", "V", "v")}}
	var names []string
	for _, o := range a.All(new(Common)) {
		names = append(names, strings.Join(o.Names, ","))
	}
	if got := strings.Join(names, " "); got != "quick,q version quiet verbose,v help,h" {
		t.Errorf("options are %s", got)
	}
}

func TestCheckNamesTheGap(t *testing.T) {
	whole := func() *Applet {
		return &Applet{Name: "x", Summary: "do it", Synopsis: []string{""}, Description: "D.", Statuses: []Item{{"0", "done"}},
			Examples: []Example{{"E:", []string{"x"}}}, Caveats: "C.", Run: func(*Call) error { return nil }}
	}
	if err := whole().Check(); err != nil {
		t.Error(err)
	}
	for want, spoil := range map[string]func(*Applet){
		"summary": func(a *Applet) { a.Summary = "Do it." }, "exit statuses": func(a *Applet) { a.Statuses = nil },
		"example": func(a *Applet) { a.Examples = nil }, "caveats": func(a *Applet) { a.Caveats = "\n \n" },
		"no option --gone": func(a *Applet) { a.Exclusive = [][]string{{"gone", "on"}} },
		"twice":            func(a *Applet) { a.Options = []Option{Switch(new(bool), "n n", "n")} },
	} {
		a := whole()
		spoil(a)
		if err := a.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without %s: %v", want, err)
		}
	}
}

func TestErrors(t *testing.T) {
	inner := errors.New("inner")
	err := WithHint(Fail(Busy, "locked: %w", inner), "wait")
	var known *Error
	if !errors.As(err, &known) || known.Status != Busy || !errors.Is(err, inner) || err.Error() != "locked: inner" {
		t.Errorf("%v", err)
	}
	if Exit(OK) != nil || Exit(No).Error() != "exit status 1" {
		t.Error("Exit")
	}
	if err := (&Call{Args: []string{"a\nb"}}).NoOperands(); err == nil || err.Error() != `unexpected operand "a\nb"` {
		t.Errorf("NoOperands: %v", err)
	}
	var b bytes.Buffer
	(&Call{Name: "x", Stderr: &b}).Say("100%%")
	if b.String() != "x: 100%\n" {
		t.Errorf("%q", b.String())
	}
}

func TestRelations(t *testing.T) {
	all := Option{Names: []string{"a", "all"}}
	a := &Applet{Exclusive: [][]string{{"all", "b"}, {"all", "c"}, {"x", "y", "z"}}, Requires: []Need{{"key", []string{"cert"}}, {"wait", []string{"x", "y"}}}}
	want := "--all cannot be combined with -b or -c|at most one of -x, -y and -z can be given|--key needs --cert|--wait needs one of -x, -y"
	if got := strings.Join(a.Relations(), "|"); got != want {
		t.Errorf("relations are %s", got)
	}
	if got := strings.Join(a.Others("y"), " "); got != "x z" {
		t.Errorf("others of y: %s", got)
	}
	var c Call
	c.Note(all, false)
	if !c.Given("a") || !c.Given("all") || c.Given("b") || a.Related(&c) != nil {
		t.Errorf("after -a: %v, %v", c.given, a.Related(&c))
	}
	c.Note(Option{Names: []string{"c"}}, false)
	if err := a.Related(&c); err == nil || err.Error() != "--all cannot be combined with -c" {
		t.Error(err)
	}
	c.Note(all, true)
	c.Note(Option{Names: []string{"wait"}}, false)
	if err := a.Related(&c); c.Given("a") || err == nil || err.Error() != "--wait needs one of -x, -y" {
		t.Error(err)
	}
}

func TestValues(t *testing.T) {
	refused := func(v any, err error) string {
		if err != nil {
			return err.Error()
		}
		return ""
	}
	for _, c := range []struct{ got, want string }{
		{refused(Int(-1, 3)("3")), ""}, {refused(Int(-1, 3)("4")), `"4" is not a number from -1 to 3`}, {refused(Int(-1, 3)("+3")), `"+3" is not a number from -1 to 3`},
		{refused(PID("2147483647")), ""}, {refused(PID("2147483648")), `"2147483648" is not a PID`}, {refused(PID("")), `"" is not a PID`},
		{refused(Positive("1")), ""}, {refused(Positive("0s")), "must be greater than zero"},
		{refused(Fraction(1)("0.5")), ""}, {refused(Fraction(1)("NaN")), `"NaN" is not a number from 0 to 1`},
		{refused(FileName("")), "the name is empty"}, {refused(Mask("8")), `"8" is not an octal mask from 0 to 777`},
		{refused(Codes("0,256")), `"256" is not an exit code from 0 to 255`}, {refused(SignalList("")), ""}, {refused(SignalList("TERM,USR1")), ""},
		{Count(1, "restart"), "1 restart"}, {Count(0, "restart"), "0 restarts"},
		{strings.Join(Paragraphs(" a\n\tb\n\n \n c\n"), "|"), "a b|c"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
