package pidfile

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Release removes the pidfile that h was read from, under its locks, and only if it is still that file with that
// content and record, or if it still names the same dead process, whose service has written to it while it stopped: else
// ErrChanged, for another program has claimed it. A file that is gone already is no error. Whether a file is released
// whose process is alive is for the caller to know. Where the directory cannot be written to but the file can, it is
// emptied. The control group of its process's own goes with it, if that is empty.
func Release(ctx context.Context, h *Holder) error {
	if h.place == nil || h.State == Absent {
		return nil
	}
	if err := h.mayUnlink(); err != nil {
		return err
	}
	l, err := takeLocks(ctx, h, true)
	if err != nil {
		return err
	}
	defer l.release()
	err = h.remove()
	if errors.Is(err, ErrChanged) {
		if now := h.touched(); now != nil {
			err = now.remove()
		}
	}
	if err == nil && h.Process != nil && h.bound == boundHere {
		unbindFrom(h.Process, h.place)
	}
	if err == nil {
		h.sweep()
	}
	return err
}

// ReleaseIfOurs removes the pidfile at path if it names pid still, and that process has exited or is the caller. A file
// that is gone, or another's, is no error.
func ReleaseIfOurs(ctx context.Context, path string, rules Rules, pid int) error {
	h, err := Read(path, rules)
	if err != nil {
		return err
	}
	defer h.Close()
	self := h.State == Running && pid == os.Getpid()
	if h.PID != pid || h.State != Stale && !self {
		return nil
	}
	if err := Release(ctx, h); !errors.Is(err, ErrChanged) {
		return err
	}
	return nil
}

// Removable fails as Release would for want of a right to remove the file, by a look without locks.
func Removable(h *Holder) error {
	if h.place == nil || h.State == Absent {
		return nil
	}
	if err := h.mayUnlink(); err != nil {
		return err
	}
	if err := h.changeable(); err != nil {
		return withPath("remove "+h.Path, asDenied(err))
	}
	return nil
}

// touched is the file as it is now, if it names the same process as h, which is dead, and was not claimed anew.
func (h *Holder) touched() *Holder {
	now, err := look(h.place, h.rules, h.here)
	if err != nil {
		return nil
	}
	now.free() // it is open only where this fails
	claimed := now.Recorded != nil && (h.Recorded == nil || *now.Recorded != *h.Recorded)
	if now.State != Stale || now.PID != h.PID || claimed || now.mayUnlink() != nil {
		return nil
	}
	return now
}

// remove unlinks, or else empties, the file that was seen; the caller holds the locks.
func (h *Holder) remove() error {
	p := h.place
	gone, err := h.compareNow()
	if gone {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p.Path, err)
	}
	if unlinked := unix.Unlinkat(p.Fd(), p.Name, 0); unlinked != nil && unlinked != unix.ENOENT {
		err = unlinked
	}
	if refused(err) {
		fd, opened := h.openOwn()
		if opened == nil {
			defer unix.Close(fd)
			err = unix.Ftruncate(fd, 0)
		}
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", p.Path, asDenied(err))
	}
	return nil
}
