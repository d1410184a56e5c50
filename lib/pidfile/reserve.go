package pidfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/gofrs/flock"

	"pidbox/lib/proc"
)

// Reservation is a pidfile that nobody else can claim or release until it is closed. It should be held briefly.
type Reservation struct {
	Holder   *Holder // who the file named before
	Recorded bool    // what was written carries a record of the process

	// Attach, if not nil, adds to the open file what its owner keeps with it, before the file has its name and names the
	// process: who finds the one finds the other.
	Attach func(fd int, id proc.Identity) error

	place   *place
	locks   locks
	mode    fs.FileMode
	inPlace bool // the file stays the same one, for the lock that is on it
	written *snapshot
}

// Reserve locks the pidfile at path and judges it; missing directories are made. Mode 0 is 0644 less the umask, any
// other is taken exactly. A live holder is a *HeldError, after waiting up to wait for its end; one that cannot be
// told from a stranger is a *DoubtError, locks held by others for 5 s are ErrBusy, and a file that others could write
// or that never was a pidfile is an *UnsafeError. Stale files, those of other PID namespaces, and garbage up to 4 KiB
// are free to be claimed; Holder tells which it was.
func Reserve(ctx context.Context, path string, rules Rules, mode fs.FileMode, wait time.Duration) (*Reservation, error) {
	return reserve(ctx, path, rules, mode, wait, nil)
}

// Claim reserves the pidfile at path and writes that it is p's; see Reserve and Write. A file that is p's
// already is left as it is. The reservation is to be closed, or removed should the process not start after all.
func Claim(ctx context.Context, path string, p *proc.Handle, rules Rules, mode fs.FileMode, wait time.Duration) (*Reservation, error) {
	rules, err := rules.trusting(p)
	if err != nil {
		return nil, err
	}
	for until := time.Now().Add(lockWait); ; {
		r, err := reserve(ctx, path, rules, mode, wait, p)
		if err != nil {
			return nil, err
		}
		if err = r.Write(p); err == nil {
			return r, nil
		}
		r.Close()
		if !errors.Is(err, ErrChanged) || time.Now().After(until) {
			return nil, err
		}
	}
}

// Peek answers as Claim would, or as Reserve if p is nil, without locks and without changing anything: a claim that
// follows may find it otherwise.
func Peek(path string, p *proc.Handle, rules Rules) (*Holder, error) {
	if p != nil {
		var err error
		if rules, err = rules.trusting(p); err != nil {
			return nil, err
		}
	}
	at, err := find(&walk{place: place{path: path, fd: -1}, rules: rules, claims: true})
	if err != nil {
		return nil, err
	}
	if at == nil {
		return &Holder{Path: path, Why: "there is no such file"}, nil
	}
	r := &Reservation{place: at}
	if err = entrust(at.writers, rules); err == nil {
		err = r.admit(rules, p)
	}
	if err == nil && !r.names(p) {
		if err = at.changeable(r.Holder.State != Absent); err != nil {
			r.Holder.free()
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	if err != nil && !hasHolder(err) {
		at.close()
	}
	return r.Holder, err
}

// hasHolder says that the error has taken the holder, and its directory, over.
func hasHolder(err error) bool {
	var held *HeldError
	var doubt *DoubtError
	return errors.As(err, &held) || errors.As(err, &doubt)
}

// trusting is r with the owner of p, who must be alive, among those who may have written its pidfile.
func (r Rules) trusting(p *proc.Handle) (Rules, error) {
	info, err := p.Info()
	if err == nil {
		err = mustLive(p)
	}
	return r.Trusting(info.UID), err
}

// reserve is Reserve for a claimant that may be the holder already.
func reserve(ctx context.Context, path string, rules Rules, mode fs.FileMode, wait time.Duration, claimant *proc.Handle) (*Reservation, error) {
	for until := time.Now().Add(wait); ; {
		r, err := attempt(ctx, path, rules, mode, claimant)
		var held *HeldError
		if wait == 0 || !errors.As(err, &held) {
			return r, err
		}
		waiting, cancel := context.WithDeadline(ctx, until)
		err = held.Holder.Process.Wait(waiting)
		cancel()
		switch {
		case err == nil:
			held.Holder.Close()
		case ctx.Err() != nil:
			held.Holder.Close()
			return nil, context.Cause(ctx)
		default:
			held.Waited = wait
			return nil, held
		}
	}
}

// attempt looks before it locks, so that a live holder is found without waiting for anybody, even if it keeps its
// file locked for life; and then again under the locks, which alone counts for a claim.
func attempt(ctx context.Context, path string, rules Rules, mode fs.FileMode, claimant *proc.Handle) (_ *Reservation, err error) {
	p, err := locate(path, rules, true)
	if err != nil {
		return nil, err
	}
	r := &Reservation{place: p, mode: mode}
	defer func() {
		if err != nil {
			r.locks.release()
			if !hasHolder(err) {
				p.close()
			}
		}
	}()
	if err := entrust(p.writers, rules); err != nil {
		return nil, err
	}
	if err := r.admit(rules, claimant); err != nil {
		return nil, err
	}
	r.Holder.free()
	r.locks, err = p.take(ctx, func(ctx context.Context) (*flock.Flock, error) {
		if err := r.admit(rules, claimant); err != nil { // by one that was waited for, and keeps its file locked for life
			return nil, err
		}
		r.Holder.free()
		return p.tryFile(ctx)
	})
	if err != nil {
		return nil, err
	}
	if err := r.admit(rules, claimant); err != nil {
		return nil, err
	}
	return r, nil
}

// admit judges the file and refuses where it is not free to be claimed.
func (r *Reservation) admit(rules Rules, claimant *proc.Handle) error {
	h, err := look(r.place, rules)
	if err != nil {
		return err
	}
	switch own := claimant != nil && claimant.PID() == h.PID; {
	case h.Garbage != "" && h.seen.size > readLimit:
		err = &UnsafeError{r.place.path, fmt.Sprintf("its %d bytes do not start with a process id: it never was a pidfile", h.seen.size), "check the path"}
	case own: // the number is the claimant's while it lives, whatever the file had in mind
	case h.State == Running:
		r.Holder = h
		return &HeldError{Holder: h}
	case h.State == Doubtful:
		r.Holder = h
		return &DoubtError{Holder: h}
	}
	if err != nil {
		h.free()
		return err
	}
	r.Holder = h
	return nil
}

// Close gives the locks back, and lets go of the holder.
func (r *Reservation) Close() {
	r.locks.release()
	r.Holder.Close()
}
