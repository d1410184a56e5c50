package multicall

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"pidbox/lib/applet"
)

// report turns the outcome of a call into its exit status and its message: one line, and at most one hint, each
// in a single write. Every status of every applet is decided here or by an *applet.Error.
func report(call *applet.Call, err error, failure applet.Status) applet.Status {
	status, silent := statusOf(err, failure)
	if out := call.Stdout.(*output); silent && out.err != nil {
		err, status = out.err, failure
	} else if silent {
		return status
	}
	if call.Quiet && (status == applet.No || status == applet.Absent) {
		return status
	}
	call.Say("%v", err)
	switch hint := hintOf(err); {
	case status == applet.BadUsage:
		io.WriteString(call.Stderr, "try '"+call.Name+" --help'\n")
	case hint != "":
		io.WriteString(call.Stderr, applet.Line("hint: "+hint)+"\n")
	}
	return status
}

// statusOf is the one mapper from errors to exit statuses; silent says that there is nothing to print.
func statusOf(err error, failure applet.Status) (status applet.Status, silent bool) {
	var known *applet.Error
	switch {
	case err == nil:
		return applet.OK, true
	case errors.As(err, &known):
		return known.Status, known.Err == nil
	case errors.Is(err, context.DeadlineExceeded):
		return applet.TimedOut, false
	case errors.Is(err, fs.ErrPermission):
		return applet.Unsafe, false
	}
	return failure, false
}

// hintOf is the line that says what would help, or "".
func hintOf(err error) string {
	var hinted *applet.Hinted
	if errors.As(err, &hinted) {
		return hinted.Hint
	}
	return ""
}
