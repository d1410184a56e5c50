package applets

import (
	"errors"
	"fmt"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/jsonline"
)

// outcome is what --json prints of one act: an object whatever came of it, but for a command line that was refused.
type outcome struct {
	Status  applet.Status `json:"status"`           // the exit status
	File    string        `json:"file,omitempty"`   // the pidfile
	PID     int           `json:"pid,omitempty"`    // the process that it is about
	Killed  bool          `json:"killed,omitempty"` // SIGKILL was needed
	Exit    *ending       `json:"exit,omitempty"`   // how the process exited
	Seconds float64       `json:"seconds"`          // how long it took
	Why     string        `json:"why,omitempty"`    // the message
}

// outcomeOption is --json.
func outcomeOption(to *bool) applet.Option {
	return applet.Switch(to, "json", "print a JSON object: status, file, pid, seconds, and why where there is something to say")
}

// print writes the object of an act that began then and came to err, which stays what the applet returns.
func (out outcome) print(c *applet.Call, began time.Time, err error) error {
	var why string
	if out.Status, why = outcomeOf(err); why != "" {
		out.Why = why
	}
	out.Seconds = time.Since(began).Round(time.Millisecond).Seconds()
	return printObject(c, out, out.Status, err)
}

// outcomeOf is the exit status that err leads to, and its message.
func outcomeOf(err error) (status applet.Status, why string) {
	var known *applet.Error
	switch {
	case err == nil:
		return applet.OK, ""
	case errors.As(err, &known):
		status = known.Status
	default:
		if status, _ = Status(err); status == applet.OK {
			status = applet.Failed
		}
	}
	if known == nil || known.Err != nil {
		why = err.Error()
	}
	return status, why
}

// printObject prints what --json prints, and returns err. A command line that was refused has no object.
func printObject(c *applet.Call, object interface{ object() *jsonline.Object }, status applet.Status, err error) error {
	if status == applet.BadUsage {
		return err
	}
	if _, lost := fmt.Fprintln(c.Stdout, object.object()); err == nil {
		return lost
	}
	return err
}

func (out outcome) object() *jsonline.Object {
	o := new(jsonline.Object).Field("status", int(out.Status)).Some("file", out.File).Some("pid", out.PID).Some("killed", out.Killed)
	if out.Exit != nil {
		o.Field("exit", out.Exit.object())
	}
	return o.Field("seconds", out.Seconds).Some("why", out.Why)
}
