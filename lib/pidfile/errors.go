package pidfile

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/resolve"
)

// ErrBusy says that a lock of a pidfile could not be had within a bounded time.
var ErrBusy = errors.New("locked by another process")

// busy is an ErrBusy that knows who was seen to hold the lock.
type busy struct {
	what string
	pid  int // or 0
}

func (e *busy) Unwrap() error { return ErrBusy }

func (e *busy) Error() string {
	if e.pid == 0 {
		return e.what + ": " + ErrBusy.Error()
	}
	return fmt.Sprintf("%s: locked by process %d", e.what, e.pid)
}

// ErrChanged says that a pidfile is no longer the one that was read: another program has claimed or replaced it.
var ErrChanged = errors.New("pidfile was replaced by another process")

// UnsafeError is a pidfile that a user without the right to it could have written: whoever acts on it lends him his
// authority.
type UnsafeError = resolve.Unsafe

// GarbageError is a pidfile whose first line is not a PID.
type GarbageError struct {
	Path string
	Text string // the start of it, quoted
}

func (e *GarbageError) Error() string {
	return fmt.Sprintf("%s: %s is not a PID", e.Path, e.Text)
}

// Numbered says that it begins with a PID all the same, which a laxer reader takes for one.
func (e *GarbageError) Numbered() bool {
	digits := strings.TrimLeft(strings.TrimPrefix(e.Text, `"`), " +0")
	return digits != "" && digits[0] >= '1' && digits[0] <= '9'
}

// HeldError is a pidfile whose process is alive. The holder is open and belongs to the receiver of the error.
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

// DoubtError is a pidfile of which nothing tells whether the process with that PID is the one meant.
type DoubtError struct {
	Holder *Holder
}

func (e *DoubtError) Error() string {
	return fmt.Sprintf("%s: cannot tell: %s", e.Holder.Path, e.Holder.Why)
}

// hasHolder says that the error has taken the holder, and its directory, over.
func hasHolder(err error) bool {
	var held *HeldError
	var doubt *DoubtError
	return errors.As(err, &held) || errors.As(err, &doubt)
}

// denied is a file that cannot be changed where it is, for a reason that counts as a missing permission: its file system
// is read-only, or something is mounted on it.
type denied struct{ err error }

func (e denied) Error() string        { return e.err.Error() }
func (e denied) Unwrap() error        { return e.err }
func (e denied) Is(target error) bool { return target == fs.ErrPermission }

func asDenied(err error) error {
	if errors.Is(err, unix.EROFS) || errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EXDEV) {
		return denied{err}
	}
	return err
}

// refused says that the directory cannot be written to, or that another file is mounted on the name (EBUSY, EXDEV): what
// is left is to write into the file itself.
func refused(err error) bool {
	for _, e := range []error{unix.EACCES, unix.EPERM, unix.EROFS, unix.EBUSY, unix.EXDEV} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// full says that the disk has no room for another file.
func full(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// withPath is err with the path before it, unless it names what is at fault itself.
func withPath(path string, err error) error {
	if unsafe := (*resolve.Unsafe)(nil); errors.As(err, &unsafe) {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}
