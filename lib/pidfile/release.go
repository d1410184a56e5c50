package pidfile

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

// Release removes the pidfile that h was read from, under its locks, and only if it is still that file with that
// content and record: else ErrChanged, for somebody else has claimed it. A file that is gone already is no error.
// Whether the process has ended is for the caller to know. Where the directory cannot be written to but the file
// can, it is emptied.
func Release(ctx context.Context, h *Holder) error {
	if h.place == nil || h.State == Absent {
		return nil
	}
	l, err := h.place.lock(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	return h.place.remove(h.seen)
}

// Removable fails as Release would for want of a right to remove the file, by a look without locks.
func Removable(h *Holder) error {
	if h.place == nil || h.State == Absent {
		return nil
	}
	if err := h.place.changeable(true); err != nil {
		return fmt.Errorf("remove %s: %w", h.Path, err)
	}
	return nil
}

// remove unlinks, or else empties, the file that was seen; the caller holds the locks.
func (p *place) remove(seen snapshot) error {
	var st unix.Stat_t
	if unix.Fstatat(p.fd, p.name, &st, unix.AT_SYMLINK_NOFOLLOW) == unix.ENOENT {
		return nil
	}
	if err := p.unchanged(seen); err != nil {
		return fmt.Errorf("%s: %w", p.path, err)
	}
	err := unix.Unlinkat(p.fd, p.name, 0)
	if refused(err) {
		if fd, opened := p.openOwn(seen); opened == nil {
			defer unix.Close(fd)
			err = unix.Ftruncate(fd, 0)
		}
	}
	if err != nil && err != unix.ENOENT {
		return fmt.Errorf("remove %s: %w", p.path, err)
	}
	return nil
}
