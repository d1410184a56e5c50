package pidfile

import (
	"context"
	"io/fs"

	"pidbox/lib/proc"
)

// Pass makes the pidfile that h was read from name p instead, under its locks and only if it is still that file with
// that content and record: else ErrChanged. It is how a service hands its name on while it lives.
func Pass(ctx context.Context, h *Holder, p *proc.Handle, mode fs.FileMode) error {
	l, err := h.place.lock(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	r := &Reservation{Holder: h, place: h.place, locks: l, mode: mode}
	return r.Write(p)
}
