package pidfile

import (
	"errors"
	"fmt"
	"time"
)

// ErrBusy says that a lock of a pidfile or of its directory was not to be had within a bounded time.
var ErrBusy = errors.New("locked by another process")

// busy is an ErrBusy that knows who holds the lock, if the kernel tells.
type busy struct {
	what string
	pid  int
}

func (e *busy) Unwrap() error { return ErrBusy }

func (e *busy) Error() string {
	if e.pid == 0 {
		return e.what + ErrBusy.Error()
	}
	return fmt.Sprintf("%slocked by process %d", e.what, e.pid)
}

// ErrChanged says that a pidfile is no longer the one that was read: somebody else has claimed or replaced it.
var ErrChanged = errors.New("the pidfile was changed by somebody else meanwhile")

// GarbageError is a pidfile whose first line is not a process id.
type GarbageError struct {
	Path string
	Text string // the start of it, quoted
}

func (e *GarbageError) Error() string {
	return fmt.Sprintf("%s: %s is not a process id", e.Path, e.Text)
}

// HeldError is a pidfile whose process lives. The holder is open and belongs to the receiver of the error.
type HeldError struct {
	Holder *Holder
	Waited time.Duration // how long its end was waited for
}

func (e *HeldError) Error() string {
	if e.Waited > 0 {
		return fmt.Sprintf("%s: still held by process %d after %v", e.Holder.Path, e.Holder.PID, e.Waited)
	}
	return fmt.Sprintf("%s: held by process %d", e.Holder.Path, e.Holder.PID)
}

// DoubtError is a pidfile of which nobody can tell whether the process with that number is the one meant.
type DoubtError struct {
	Holder *Holder
}

func (e *DoubtError) Error() string {
	return fmt.Sprintf("%s: cannot tell: %s", e.Holder.Path, e.Holder.Why)
}

// UnsafeError is a pidfile that somebody without the right to it could have written: whoever acts on it lends them
// his authority.
type UnsafeError struct {
	Path   string // the component of the path at fault
	Reason string // what is wrong with it, its owner and mode
	Hint   string // the command that mends it
}

func (e *UnsafeError) Error() string { return fmt.Sprintf("%s: %s", e.Path, e.Reason) }
