package pidfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
	"pidbox/lib/resolve"
)

// Reservation is a pidfile that no other process can claim or release until it is closed. It should be held briefly.
type Reservation struct {
	Holder   *Holder // who the file named before
	Recorded bool    // what was written carries a record of the process
	Bound    bool    // and the process carries a record of the file

	// Attach, if not nil, writes an extended attribute of its owner's to the open file, before the file has its name and
	// names the process: who finds the one finds the other.
	Attach func(fd int, id proc.Identity) error

	Known proc.Identity // of the process that is to be written, a child that was not reaped; zero: it is asked for

	place   *resolve.Place
	rules   Rules
	locks   locks
	mode    fs.FileMode
	inPlace bool // the file stays the same one, for the lock that is on it
	written *snapshot
}

// directoryMode is that of directories that a claim makes, less the umask.
const directoryMode = 0o755

// Reserve locks the pidfile at path and judges it; missing directories are made. Mode 0 keeps that of an existing file,
// and its owner, or is 0644 less the umask; any other is taken exactly. A live holder is a *HeldError, after waiting up
// to wait for its end; one that cannot be told from a stranger is a *DoubtError, locks held by others for 5 s are
// ErrBusy, and a *resolve.Unsafe is a file that others could write, that never was a pidfile, or that pid-kill would not
// believe afterwards. Stale files, those of other PID namespaces, garbage up to 4 KiB, and those that strangers made in a
// sticky directory are free to be claimed; Holder tells which it was.
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
	const least = 3 // a second look is had by a claimant that gets to run but now and then, too
	for tries, until := 1, time.Now().Add(lockWait); ; tries++ {
		r, err := reserve(ctx, path, rules, mode, wait, p)
		if err != nil {
			return nil, err
		}
		if err = r.Write(p); err == nil {
			return r, nil
		}
		r.Close()
		if !errors.Is(err, ErrChanged) || tries >= least && time.Now().After(until) {
			return nil, err
		}
	}
}

// Peek answers as Claim would, or as Reserve if p is nil, without locks and without changing anything: a claim that
// follows may find it otherwise. With a *HeldError or *DoubtError the holder is that of the error.
func Peek(path string, p *proc.Handle, rules Rules) (*Holder, error) {
	if p != nil {
		var err error
		if rules, err = rules.trusting(p); err != nil {
			return nil, err
		}
	}
	at, err := walk(path, rules, true)
	if isMissing(err) {
		return absent(path, nil, rules), nil
	}
	if err != nil {
		return nil, err
	}
	r := &Reservation{place: at, rules: rules}
	err = r.admit(p)
	if err == nil && !r.claimedFor(p) {
		if err = r.Holder.changeable(); err != nil {
			r.Holder.free()
			err = withPath(path, err)
		}
	}
	if err != nil && !hasHolder(err) {
		at.Close()
	}
	return r.Holder, err
}

// Pass makes the pidfile that h was read from name p instead, under its locks and only if it is still that file with
// that content and record: else ErrChanged. It is how a service hands its name on while it lives. A service that keeps
// the file itself locked for its lifetime is not waited for: the file is written in place, so that the lock stays on it.
// attach, which may be nil, is as in a Reservation.
func Pass(ctx context.Context, h *Holder, p *proc.Handle, mode fs.FileMode, locked bool, attach func(int, proc.Identity) error) error {
	l, err := takeLocks(ctx, h, !locked)
	if err != nil {
		return err
	}
	defer l.release()
	r := &Reservation{Holder: h, place: h.place, rules: h.rules, locks: l, mode: mode, inPlace: locked, Attach: attach}
	r.Own(h.record.Cgroup) // which they share
	if err := r.Write(p); err != nil {
		return err
	}
	if h.Process != nil && h.bound == boundHere && h.Process.PID() != p.PID() {
		unbindFrom(h.Process, h.place)
	}
	return nil
}

func walk(path string, rules Rules, dry bool) (*resolve.Place, error) {
	return resolve.Walk(path, resolve.Policy{
		Insecure: rules.AllowInsecure, Magic: rules.AllowInsecure, Trust: rules.Trust, Make: directoryMode, Made: rules.Made,
		DryRun: dry,
	})
}

// trusting is r with the owner of p, who must be alive, among those who may have written its pidfile.
func (r Rules) trusting(p *proc.Handle) (Rules, error) {
	who, err := p.Credentials()
	if errors.Is(err, proc.ErrNoProc) {
		who.RUID, err = -1, nil // nobody knows
	}
	if err == nil {
		err = mustLive(p)
	}
	return r.Trusting(who.RUID), err
}

// mustLive fails with ErrNotFound if p has exited.
func mustLive(p *proc.Handle) error {
	alive, err := p.Alive()
	if err == nil && !alive {
		err = fmt.Errorf("process %d: %w", p.PID(), proc.ErrNotFound)
	}
	return err
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
// file locked for its lifetime; and then again under the locks, which alone counts for a claim.
func attempt(ctx context.Context, path string, rules Rules, mode fs.FileMode, claimant *proc.Handle) (_ *Reservation, err error) {
	p, err := walk(path, rules, false)
	if err != nil {
		return nil, err
	}
	r := &Reservation{place: p, rules: rules, mode: mode}
	defer func() {
		if err != nil {
			r.locks.release()
			if !hasHolder(err) {
				r.Holder.free()
				p.Close()
			}
		}
	}()
	if err := r.admit(claimant); err != nil {
		return nil, err
	}
	r.locks, err = takeLocks(ctx, r.Holder, true, func() error { return r.admit(claimant) })
	if err != nil {
		return nil, err
	}
	if err := r.admit(claimant); err != nil {
		return nil, err
	}
	return r, nil
}

// admit judges the file and refuses where it is not free to be claimed.
func (r *Reservation) admit(claimant *proc.Handle) error {
	var here proc.Identity
	if r.Holder != nil {
		r.Holder.free()
		here = r.Holder.here
	}
	h, err := look(r.place, r.rules, here)
	if err != nil {
		r.Holder = absent(r.place.Path, r.place, r.rules)
		return err
	}
	r.Holder = h
	if h.squats() {
		h.free()
		h.State, h.PID, h.Why = Nobody, 0, fmt.Sprintf("it is a file of %s, in a directory where any user can make files", resolve.UserName(int(h.seen.stat.Uid)))
	}
	own := claimant != nil && claimant.PID() == h.PID // it is the claimant's while it lives, whatever the file had in mind
	if err := h.trust(); err != nil {
		if !own || h.seen.word.May(resolve.Signal, ofRoot(), h.rules.Trust...) != nil {
			return err
		}
		h.Recorded = nil // a good file, but who knows who put it there: the claim writes it anew
	}
	switch {
	case own:
	case h.State == Running:
		return &HeldError{Holder: h}
	case h.State == Doubtful:
		return &DoubtError{Holder: h}
	}
	return h.mayClaim()
}

// claimedFor says that p, which may be nil, has claimed the file already.
func (r *Reservation) claimedFor(p *proc.Handle) bool {
	if p == nil || r.Holder.Recorded == nil {
		return false
	}
	id, err := p.Identity()
	return err == nil && r.names(id)
}

// names says that the file is that process's already, with its record of this path.
func (r *Reservation) names(id proc.Identity) bool {
	h := r.Holder
	if h.Recorded == nil || h.seen.content != string(format(id.PID)) || !h.record.Placed() || id != *h.Recorded {
		return false
	}
	if group := r.rules.Cgroup; group.ID != 0 && group != h.record.Cgroup {
		return false
	}
	here := newRecord(r.place, id)
	return h.record.Path == here.Path && h.record.Dir == here.Dir
}

// Own has the record name the control group of the process that is to be written.
func (r *Reservation) Own(group proc.Cgroup) { r.rules.Cgroup = group }

// changeable fails if the caller may neither replace or remove the pidfile nor, where there is one, write into it.
func (h *Holder) changeable() error {
	err := unix.Faccessat(h.place.Fd(), ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	if err != nil && h.seen.stat.Ino != 0 && h.mayTruncate() == nil &&
		unix.Faccessat(h.place.Fd(), h.place.Name, unix.W_OK, unix.AT_EACCESS) == nil {
		return h.hasOneName(&h.seen.stat)
	}
	return err
}

// Close gives the locks back, and closes the holder.
func (r *Reservation) Close() {
	r.locks.release()
	r.Holder.Close()
}
