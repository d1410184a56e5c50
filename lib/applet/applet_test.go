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
		{Mode(&mode, "mode", "M", "m"), "644", ""},
		{Mode(&mode, "mode", "M", "m"), "888", `"888" is not an octal mode of 0 to 777`},
		{Mode(&mode, "mode", "M", "m"), "1777", `"1777" is not an octal mode of 0 to 777`},
		{Switch(&on, "on", "o"), "true", ""},
		{Switch(&on, "on", "o"), "si", `"si" is neither true nor false`},
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
		return &Applet{Name: "x", Summary: "do it", Synopsis: []string{""}, Description: []string{"D."}, Statuses: []Item{{"0", "done"}},
			Examples: []Example{{"E:", []string{"x"}}}, Caveats: []string{"C."}, Run: func(*Call) error { return nil }}
	}
	if err := whole().Check(); err != nil {
		t.Error(err)
	}
	for want, spoil := range map[string]func(*Applet){
		"summary": func(a *Applet) { a.Summary = "Do it." }, "exit statuses": func(a *Applet) { a.Statuses = nil },
		"example": func(a *Applet) { a.Examples = nil }, "caveats": func(a *Applet) { a.Caveats = nil },
		"twice": func(a *Applet) { a.Options = []Option{Switch(new(bool), "n n", "n")} },
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
