package applet

import "fmt"

// Status is an exit status: one table for all applets, after the LSB (0, 1, 3, 4), sysexits(3) (64, 75) and
// timeout(1), env(1) and nohup(1) (124 to 128+n).
type Status int

// The statuses. 128+n, killed by signal n, has no name.
const (
	OK         Status = 0   // the wanted state holds
	No         Status = 1   // a plain no
	Survived   Status = 2   // refused to die
	Absent     Status = 3   // not there, or died
	Unsafe     Status = 4   // unsafe, no permission, or cannot tell
	BadUsage   Status = 64  // the command line is wrong
	Busy       Status = 75  // a lock is held by another
	TimedOut   Status = 124 // a time limit passed
	Failed     Status = 125 // the applet itself failed
	CannotExec Status = 126 // COMMAND is there and cannot be executed
	NotFound   Status = 127 // COMMAND is not there
)

// Meanings is the table of all statuses, by number.
func Meanings() []Item {
	return []Item{
		{"0", "the wanted state holds"},
		{"1", "a plain no"},
		{"2", "refused to die"},
		{"3", "not there, or died"},
		{"4", "unsafe, no permission, or cannot tell"},
		{"64", "usage"},
		{"75", "the pidfile's lock is busy"},
		{"124", "a time limit passed"},
		{"125", "own failure (I/O, fork)"},
		{"126", "the command is not executable"},
		{"127", "the command, or the applet, was not found"},
		{"128+n", "killed by signal n"},
	}
}

// Error is a failure that knows its exit status.
type Error struct {
	Status Status
	Err    error // nil: nothing is printed
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Status)
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Fail is an error with an exit status; format takes %w.
func Fail(s Status, format string, args ...any) error {
	return &Error{Status: s, Err: fmt.Errorf(format, args...)}
}

// Usage is a wrong command line: status 64, and the way to the help.
func Usage(format string, args ...any) error { return Fail(BadUsage, format, args...) }

// Exit ends the applet with a status and no message, for answers that were already given.
func Exit(s Status) error {
	if s == OK {
		return nil
	}
	return &Error{Status: s}
}

// WithHint adds a line to err that says what would help.
func WithHint(err error, format string, args ...any) error {
	return &Hinted{err, fmt.Sprintf(format, args...)}
}

// Hinted is an error and a line that says what would help.
type Hinted struct {
	Err  error
	Hint string
}

func (h *Hinted) Error() string { return h.Err.Error() }
func (h *Hinted) Unwrap() error { return h.Err }
