package pidfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"pidbox/lib/resolve"
)

// lockWait bounds how long a claim or a release waits for its locks. Ours are held for well under a millisecond.
const lockWait = 5 * time.Second

// locks are what a claim and a release hold.
//
// own is the lock of a file beside the pidfile, .NAME.lock, which is made for that and removed while it is still held.
// To lock a file by flock(2) it is enough to be able to open it for reading, so neither the pidfile nor the directory will
// do: any user could hold up every claim. Those who may change the directory can open this file, and nobody else. It also
// outlives the pidfile: between a check of that and its replacement anybody may rm it, and two claimants would each lock an
// inode of their own.
//
// file is the pidfile's lock, a courtesy to programs that lock only that. Either is nil where there is nothing to lock:
// where the caller may not change the directory, the pidfile's has to do.
type locks struct {
	place *resolve.Place
	own   *lockFile
	file  *flock.Flock
}

func (l *locks) release() {
	if l.file != nil {
		_ = l.file.Unlock()
	}
	if l.own != nil {
		if l.own.there(l.place) {
			_ = unix.Unlinkat(l.place.Fd(), lockName(l.place.Name), 0) // who waits for it makes another
		}
		_ = l.own.Unlock()
	}
	*l = locks{}
}

// errTaken says that another process has locked the file.
var errTaken = errors.New("taken")

// takeLocks takes the lock beside the pidfile that h was read from, and, if file is set, that of the pidfile itself. It
// ends with ErrBusy after lockWait, or earlier with the cause of ctx. A pidfile that another program keeps locked is waited
// for without the other lock; before each try check must agree: a claim that was waited for may keep its file locked for
// its lifetime.
func takeLocks(ctx context.Context, h *Holder, file bool, check ...func() error) (l locks, err error) {
	bounded, cancel := limited(ctx, lockWait)
	defer cancel()
	defer func() {
		if err == nil {
			return
		}
		l.release()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
	}()
	for {
		l.place = h.place
		if l.own, err = lockBeside(bounded, h.place); err != nil {
			return l, err
		}
		for _, f := range check {
			if err = f(); err != nil {
				return l, err
			}
		}
		if file {
			l.file, err = tryFile(bounded, h.place)
		}
		if err != errTaken {
			return l, err
		}
		if !mustHonour(h) {
			return l, nil
		}
		l.release()
		if err = awaitFile(bounded, h); err != nil {
			return l, err
		}
	}
}

// Lock takes the lock that a claim of a pidfile at p would take beside it, for a file that is not one: a socket, a record. It
// ends with ErrBusy as a claim does. Where the caller can make no file, there is nothing to lock either.
func Lock(ctx context.Context, p *resolve.Place) (unlock func(), err error) {
	bounded, cancel := limited(ctx, lockWait)
	defer cancel()
	own, err := lockBeside(bounded, p)
	if err != nil {
		return nil, err
	}
	l := &locks{place: p, own: own}
	return l.release, nil
}

// tryFile locks the pidfile that has the name now, if no other process has.
func tryFile(ctx context.Context, p *resolve.Place) (*flock.Flock, error) {
	for {
		st, ok := statOf(p, p.Name)
		if !ok || st.Mode&unix.S_IFMT != unix.S_IFREG {
			return nil, nil // nothing to lock; what is wrong with it is found when it is read
		}
		l := fileLock(p)
		ok, err := l.TryLock()
		switch {
		case ok:
			if now, exists := statOf(p, p.Name); exists && locked(l, now) {
				return l, nil
			}
			_ = l.Unlock()
		case err == nil:
			return nil, errTaken
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("lock %s: %w", p.Path, err)
		}
		if ctx.Err() != nil {
			return nil, &busy{p.Path, 0}
		}
	}
}

// awaitFile waits until the file's lock is free, or was for a moment.
func awaitFile(ctx context.Context, h *Holder) error {
	l := fileLock(h.place)
	st, _ := statOf(h.place, h.place.Name)
	switch err := acquire(ctx, l); {
	case err == nil:
		_ = l.Unlock()
	case errors.Is(err, ErrBusy):
		return &busy{h.Path, heldBy(st)}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("lock %s: %w", h.Path, err)
	}
	return nil
}

func fileLock(p *resolve.Place) *flock.Flock {
	return flock.New(within(p, p.Name), flock.SetFlag(unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC))
}

// Locked calls f under the locks of the pidfile that h was read from, while no other process can claim or release it, and
// only if it is still that file with that content and record: else ErrChanged.
func Locked(ctx context.Context, h *Holder, f func() error) error {
	l, err := takeLocks(ctx, h, true)
	if err != nil {
		return err
	}
	defer l.release()
	if err := h.unchanged(); err != nil {
		return fmt.Errorf("%s: %w", h.Path, err)
	}
	return f()
}
