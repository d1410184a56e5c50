package daemon

import (
	"fmt"
	"time"

	"pidbox/lib/duration"
	"pidbox/lib/spawn"
)

// DiedError is a daemon that ended before it counted as started.
type DiedError struct {
	PID    int
	End    *spawn.Ending // nil where it is not known
	Status string        // what it said of itself last, by sd_notify(3)
	Log    string        // the file that it wrote its errors to, "" if none
	Tail   []string      // the last lines that it wrote there
}

func (e *DiedError) Error() string {
	text := fmt.Sprintf("process %d died before it was ready", e.PID)
	if e.End != nil {
		text += ": " + e.End.String()
	}
	return text + saying(e.Status)
}

// NotReadyError is a daemon that ran and did not become ready in time.
type NotReadyError struct {
	PID    int // 0: it was not even held
	After  time.Duration
	Reason string // why it was not taken for ready, as far as known
	Status string
	Log    string
	Tail   []string
}

func (e *NotReadyError) Error() string {
	text := fmt.Sprintf("process %d was not ready after %s", e.PID, duration.Format(e.After))
	if e.PID == 0 {
		text = "not ready after " + duration.Format(e.After)
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text + saying(e.Status)
}

func saying(status string) string {
	if status == "" {
		return ""
	}
	return fmt.Sprintf(" (it said %q)", status)
}

// LockedError is a lock file that could not be locked: Err is pidfile.ErrBusy if another process holds it.
type LockedError struct {
	Path string
	Err  error
}

func (e *LockedError) Error() string { return e.Err.Error() }
func (e *LockedError) Unwrap() error { return e.Err }
