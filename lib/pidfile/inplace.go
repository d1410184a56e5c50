package pidfile

import (
	"errors"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
	"pidbox/lib/resolve"
)

// overwrite writes into the file itself, content first and then the end, so that its first line is at no time a part
// of a PID. It is what is left where the directory cannot be written to, or where something is mounted on the file.
// Meanwhile the file has no record that counts, for that has the time of the last change.
func (r *Reservation) overwrite(id proc.Identity) (err error) {
	fd, err := r.Holder.openOwn()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if r.mode != 0 { // first, for only the owner may
		if err := unix.Fchmod(fd, uint32(r.mode.Perm())); err != nil {
			return err
		}
	}
	defer func() {
		if err != nil {
			_, _ = claimed.Write(fd, r.Holder.seen.record)
		}
	}()
	content := format(id.PID)
	if err := r.record(fd, id, content); err != nil { // now, so that a full disk leaves the content
		return err
	}
	if r.Attach != nil {
		if err := r.Attach(fd, id); err != nil {
			return err
		}
	}
	if err := r.believed(); err != nil {
		return err
	}
	if err := fill(fd, content); err != nil {
		return err
	}
	if err := unix.Ftruncate(fd, int64(len(content))); err != nil {
		return err
	}
	return r.record(fd, id, content)
}

// openOwn opens the file that was seen for writing, if that is safe. A second name of it may be of a file that matters.
func (h *Holder) openOwn() (int, error) {
	if err := h.mayTruncate(); err != nil {
		return -1, err
	}
	if err := h.unchanged(); err != nil {
		return -1, err
	}
	fd, err := h.place.OpenFd(unix.O_WRONLY, 0)
	if err != nil {
		return -1, err
	}
	if err := h.isOwn(fd); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// isOwn says whether the file that was opened is the one that was seen, and may be written to.
func (h *Holder) isOwn(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if !h.seen.sameFile(&st) {
		return ErrChanged
	}
	return h.hasOneName(&st)
}

func (h *Holder) hasOneName(st *unix.Stat_t) error {
	if st.Nlink == 1 {
		return nil
	}
	return &resolve.Unsafe{
		Path: h.Path, Reason: "has another name (hard link), which may be in use", Hint: resolve.Quote("rm", h.Path),
	}
}

// unchanged fails with ErrChanged unless the file is the one that was seen.
func (h *Holder) unchanged() error {
	_, err := h.compareNow()
	return err
}

// compareNow is unchanged, and says whether there is no file.
func (h *Holder) compareNow() (gone bool, err error) {
	now, err := read(h.place)
	var unsafe *resolve.Unsafe
	switch {
	case errors.As(err, &unsafe):
		return false, ErrChanged
	case err != nil:
		return false, err
	case (now == nil) != (h.seen.stat.Ino == 0) || now != nil && !now.same(h.seen):
		return now == nil, ErrChanged
	}
	return now == nil, nil
}
