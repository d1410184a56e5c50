// Package applet is the noun of the toolkit: what an applet is called, takes, answers and does.
// Help, man page, completions and the README's table are all rendered from this one description.
package applet

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Applet describes one command and holds its action. A constructor returns a fresh value, options bound to
// variables of its own, so that two runs in one process share nothing.
type Applet struct {
	Name        string    // the command's name, as linked: pid-claim
	Summary     string    // one line, lower case, no full stop
	Synopsis    []string  // what may follow the name, one line a form
	Description []string  // paragraphs
	Commands    []Item    // what the first operand may be, where it is one of a few words
	Operand     Kind      // what the operands are, for completions
	Options     []Option  // in the order of the help
	Statuses    []Item    // Name is the status number or range; ascending
	Environment []Item    // variables read or set
	Files       []Item    // files read or written
	Examples    []Example // the first is shown by --help
	Caveats     []string  // paragraphs: what it will not do, and why it is race-free
	SeeAlso     []string  // other pages, as pid-alive(1)
	Quiet       string    // what --quiet does here, where it is not the usual
	Failure     Status    // the status of an own failure, where it is not Failed
	Raw         bool      // Args holds the whole command line as given: the applet parses it itself
	Run         func(*Call) error
}

// Entry names an applet and makes it: only the applet that is asked for is ever made.
type Entry struct {
	Name string
	New  func() *Applet
}

// Item is a name and its meaning.
type Item struct{ Name, Text string }

// Example is a use of the applet: what it achieves, and the shell lines that do it.
type Example struct {
	Text  string
	Lines []string
}

// Call is one run of an applet: its operands and where it may write. Stdout carries data only.
type Call struct {
	Name    string   // the applet's name, which starts every message
	Args    []string // the operands, a leading -- taken off
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Quiet   bool // --quiet: plain answers of "no" are not explained
	Verbose bool // --verbose: each step is told
}

// Say writes one message, "NAME: text", to standard error: one line in a single write, whatever the text holds.
func (c *Call) Say(format string, args ...any) {
	io.WriteString(c.Stderr, Line(c.Name+": "+fmt.Sprintf(format, args...))+"\n") // nowhere is left to report a failure to
}

// Tell is Say under --verbose, and silence otherwise.
func (c *Call) Tell(format string, args ...any) {
	if c.Verbose {
		c.Say(format, args...)
	}
}

// NoOperands refuses operands, naming the first.
func (c *Call) NoOperands() error {
	if len(c.Args) > 0 {
		return Usage("unexpected operand %q", c.Args[0])
	}
	return nil
}

// Line is text as one line that a terminal shows as it is: control characters, line ends and bytes that are not
// UTF-8 are written as in a Go string, so that a file's name cannot forge a second message.
func Line(text string) string {
	if strings.IndexFunc(text, unprintable) < 0 {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if unprintable(r) {
			quoted := strconv.Quote(text[:n])
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteString(text[:n])
		}
		text = text[n:]
	}
	return b.String()
}

func unprintable(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
