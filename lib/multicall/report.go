package multicall

import (
	"errors"
	"io"
	"strings"

	"pidbox/lib/applet"
)

// report turns the outcome of a call into its exit status and its message: one line, and at most one hint, each in a
// single write. failure is the status of an error that neither knows its own nor has one by judge.
func report(call *applet.Call, err error, failure applet.Status, judge Judge) applet.Status {
	status, silent, hint := outcome(err, failure, judge)
	if out := call.Stdout.(*output); silent && out.err != nil {
		err, status = out.err, failure
	} else if silent {
		return status
	}
	if call.Quiet && (status == applet.No || status == applet.Absent) {
		return status
	}
	call.Say("%s", sentence(err))
	switch {
	case status == applet.BadUsage:
		io.WriteString(call.Stderr, "try '"+call.Name+" --help'\n")
	case hint != "":
		io.WriteString(call.Stderr, applet.Line("hint: "+hint)+"\n")
	}
	return status
}

// sentence is what an error says, on one line: where several were joined, with a semicolon between them in place of the
// line end that errors.Join puts there.
func sentence(err error) string {
	text := err.Error()
	var inner []error
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		inner = []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		inner = e.Unwrap()
	}
	var lines, words []string
	for _, e := range inner {
		if e != nil {
			lines, words = append(lines, e.Error()), append(words, sentence(e))
		}
	}
	if len(lines) > 1 && text == strings.Join(lines, "\n") {
		return strings.Join(words, "; ")
	}
	for i, line := range lines {
		text = strings.Replace(text, line, words[i], 1)
	}
	return text
}

// outcome is what err comes to: what it says itself goes before what judge says. silent: there is nothing to print.
func outcome(err error, failure applet.Status, judge Judge) (status applet.Status, silent bool, hint string) {
	if err == nil {
		return applet.OK, true, ""
	}
	status, hint = judge(err)
	if status == applet.OK {
		status = failure
	}
	var known *applet.Error
	if errors.As(err, &known) {
		status, silent = known.Status, known.Err == nil
	}
	var hinted *applet.Hinted
	if errors.As(err, &hinted) {
		hint = hinted.Hint
	}
	return status, silent, hint
}
