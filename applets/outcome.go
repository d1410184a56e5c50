package applets

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"pidbox/lib/applet"
)

// outcome is what --json prints of one act: an object whatever came of it, but for a command line that was refused.
type outcome struct {
	Status  applet.Status `json:"status"`           // the exit status
	File    string        `json:"file,omitempty"`   // the pidfile
	PID     int           `json:"pid,omitempty"`    // the process that it is about
	Killed  bool          `json:"killed,omitempty"` // SIGKILL was needed
	Seconds float64       `json:"seconds"`          // how long it took
	Why     string        `json:"why,omitempty"`    // the message
}

// outcomeOption is --json.
func outcomeOption(to *bool) applet.Option {
	return applet.Switch(to, "json", "print a JSON object: status, file, pid, seconds, and why where there is something to say")
}

// print writes the object of an act that began then and came to err, which stays what the applet returns.
func (out outcome) print(c *applet.Call, began time.Time, err error) error {
	var known *applet.Error
	switch {
	case err == nil:
	case errors.As(err, &known):
		out.Status = known.Status
	default:
		if out.Status, _ = Status(err); out.Status == applet.OK {
			out.Status = applet.Failed
		}
	}
	if out.Status == applet.BadUsage {
		return err
	}
	if err != nil && (known == nil || known.Err != nil) {
		out.Why = err.Error()
	}
	out.Seconds = time.Since(began).Round(time.Millisecond).Seconds()
	line, _ := json.Marshal(out) // of plain fields: cannot fail
	if _, lost := fmt.Fprintf(c.Stdout, "%s\n", line); err == nil {
		return lost
	}
	return err
}
