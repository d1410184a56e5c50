package pidfile

import (
	"context"
	"fmt"
	"io/fs"

	"pidbox/lib/proc"
)

// Pass makes the pidfile that h was read from name p instead, under its locks and only if it is still that file with
// that content and record: else ErrChanged. It is how a service hands its name on while it lives. A service that keeps
// the file itself locked for life is not waited for: the file is written in place, so that the lock stays on it.
func Pass(ctx context.Context, h *Holder, p *proc.Handle, mode fs.FileMode, locked bool) error {
	take := h.place.lock
	if locked {
		take = h.place.lockBeside
	}
	l, err := take(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	r := &Reservation{Holder: h, place: h.place, locks: l, mode: mode, inPlace: locked}
	return r.Write(p)
}

// Locked calls f under the locks of the pidfile that h was read from, while nobody can claim or release it, and only if
// it is still that file with that content and record: else ErrChanged.
func Locked(ctx context.Context, h *Holder, f func() error) error {
	l, err := h.place.lock(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	if err := h.place.unchanged(h.seen); err != nil {
		return fmt.Errorf("%s: %w", h.Path, err)
	}
	return f()
}
