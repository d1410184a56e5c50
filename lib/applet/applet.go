// Package applet is the noun of the toolkit: what an applet is called, takes, answers and does.
// Help, man page, completions and the README's table are all rendered from this one description.
package applet

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Applet describes one command and holds its action. A constructor returns a fresh value, options bound to
// variables of its own, so that two runs in one process share nothing.
type Applet struct {
	Name        string     // the command's name, as linked: pid-claim
	Summary     string     // one line, lower case, no full stop
	Synopsis    []string   // what may follow the name, one line a form
	Description string     // paragraphs with blank lines between them; a line for each sentence, so that diffs go by sentence
	Commands    []Item     // what the first operand may be, where it is one of a few words
	Operand     Kind       // what the operands are, for completions
	Operands    Operands   // which option's values they are, where they are no COMMAND
	Options     []Option   // in the order of the help
	Details     []Item     // a paragraph of the manual page for an option, by its first long name, where its line does not do
	Exclusive   [][]string // of the options in each group at most one may be given; by their long names
	Requires    []Need     // options that mean nothing without another one
	Statuses    []Item     // Name is the status number or range; ascending
	Environment []Item     // variables read or set
	Files       []Item     // files read or written
	Examples    []Example  // the first is shown by --help
	Caveats     string     // paragraphs: what it will not do, and why it is race-free
	SeeAlso     []string   // other pages, as pid-alive(1)
	Quiet       string     // what --quiet does here, where it is not the usual
	Failure     Status     // the status of an own failure, where it is not Failed
	Raw         bool       // Args holds the whole command line as given: the applet parses it itself
	Run         func(*Call) error
}

// Entry names an applet and makes it: only the applet that is called is ever made.
type Entry struct {
	Name   string
	New    func() *Applet // nil where this build is without the applet
	Also   []string       // further names of the same applet, which its Call is told
	DropIn bool           // it has the name of another program: no link is made for it unless asked for, and one may have an ending
}

// In are those of list that are in this build.
func In(list []Entry) []Entry {
	return slices.DeleteFunc(slices.Clone(list), func(e Entry) bool { return e.New() == nil })
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
	As      string   // the name that it was called by, where it has several
	Line    []string // the whole command line, as the process was given it
	Args    []string // the operands, a leading -- taken off
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Quiet   bool // --quiet: plain answers of "no" are not explained
	Verbose bool // --verbose: each step is reported

	given map[string]bool // the spellings of all options that were given
}

// Say writes one message, "NAME: text", to standard error: one line in a single write, whatever the text holds.
//
// The wording of messages, help and manual pages, of the mechanisms' errors too:
//
//   - A message says what failed, on which object, and why: "/run/web.pid: process 4711 survived SIGKILL (state D)".
//     The object comes first, then a colon. Lower case, no full stop. What would help goes into a hint.
//   - Read it aloud as a colleague would say it at a desk: subject, verb, object. No inverted clauses, no "whom", "so
//     many", "at last", "likewise", "meanwhile", "lets go of".
//   - PID or process ID, never "number". Another process, no process, any user, never "somebody", "nobody", "everybody".
//     Replace, not "exchange". A process exits; it does not "end" or "finish". A program prints or reports; it does not
//     "tell". "Must be greater than zero", not "no time at all". "For example" or "such as", never a bare "as".
//   - The words of the field, one for each thing: claim, holder, stale, record, identity, start time, leader, group,
//     session, schedule, grace, ready, healthy, restart, back-off, adopt, hold, lease.
//   - An option is named as it is typed, --pid-file, and its placeholder in capitals: FILE. COMMAND is the program that an
//     applet runs. Values of the user are quoted by %q where they are refused, and bare where they are names of files.
//   - Options that disagree: "--retry cannot be combined with --grace", "--key needs --cert". See Exclusive and Requires.
//   - Numbers agree: "1 restart", "2 restarts". See Count.
func (c *Call) Say(format string, args ...any) {
	io.WriteString(c.Stderr, Line(c.Name+": "+fmt.Sprintf(format, args...))+"\n") // nowhere is left to report a failure to
}

// Note records that an option was given, under all of its spellings; off says that a switch was turned off again.
func (c *Call) Note(o Option, off bool) {
	if c.given == nil {
		c.given = map[string]bool{}
	}
	for _, name := range o.Names {
		c.given[name] = !off
	}
}

// Given says whether the option of that name, in any of its spellings, stands on the command line: also with the value
// that it has by default, but not a switch that was turned off.
func (c *Call) Given(name string) bool { return c.given[name] }

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

// Count is a number with its noun: 1 restart, 2 restarts.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func unprintable(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
