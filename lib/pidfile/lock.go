package pidfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"
)

// lockWait bounds how long a claim or a release waits for its locks. Ours are held for well under a millisecond.
const lockWait = 5 * time.Second

// locks are what a claim and a release hold: the directory's, because between a check of the file and its replacement
// anybody may rm it, and then two claimants would each lock an inode of their own; and the file's, to get along with
// programs that lock only that. Either is nil where there is nothing to lock.
type locks struct{ dir, file *flock.Flock }

func (l *locks) release() {
	for _, f := range [...]*flock.Flock{l.file, l.dir} {
		if f != nil {
			f.Unlock()
		}
	}
	*l = locks{}
}

// errTaken says that somebody else has locked the file.
var errTaken = errors.New("taken")

// lock takes the locks of p. It ends with ErrBusy after lockWait.
func (p *place) lock(ctx context.Context) (locks, error) { return p.take(ctx, p.tryFile) }

// lockBeside leaves out the file's, which is held for life by the process that it names.
func (p *place) lockBeside(ctx context.Context) (locks, error) {
	return p.take(ctx, func(context.Context) (*flock.Flock, error) { return nil, nil })
}

// take takes the directory's lock and then what try does. A file that another program keeps locked is waited for without
// the directory's lock, which the claims of all other pidfiles there need.
func (p *place) take(ctx context.Context, try func(context.Context) (*flock.Flock, error)) (l locks, err error) {
	bounded, cancel := context.WithTimeout(ctx, lockWait)
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
		if l.dir, err = p.lockDir(bounded); err == nil {
			l.file, err = try(bounded)
		}
		if err != errTaken {
			return l, err
		}
		l.release()
		if err = p.awaitFile(bounded); err != nil {
			return l, err
		}
	}
}

func (p *place) lockDir(ctx context.Context) (*flock.Flock, error) {
	l := flock.New(p.dir, flock.SetFlag(unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC))
	switch err := acquire(ctx, l); {
	case errors.Is(err, ErrBusy):
		var st unix.Stat_t
		unix.Fstat(p.fd, &st)
		return nil, &busy{fmt.Sprintf("%s: its directory %s is ", p.path, p.dir), lockedBy(&st)}
	case err != nil: // not readable, or a file system that locks no directories: the file's lock has to do
		return nil, nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(p.fd, &st); err != nil || !locked(l, &st) {
		l.Unlock()
		return nil, fmt.Errorf("%s: %w", p.dir, ErrChanged)
	}
	return l, nil
}

// tryFile locks the file that has the name now, if nobody else has.
func (p *place) tryFile(ctx context.Context) (*flock.Flock, error) {
	for {
		var st unix.Stat_t
		if unix.Fstatat(p.fd, p.name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
			return nil, nil // nothing to lock; what is wrong with it is found when it is read
		}
		l := p.flock()
		ok, err := l.TryLock()
		switch {
		case ok:
			if unix.Fstatat(p.fd, p.name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && locked(l, &st) {
				return l, nil
			}
			l.Unlock()
		case err == nil:
			return nil, errTaken
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("lock %s: %w", p.path, err)
		}
		if ctx.Err() != nil {
			return nil, &busy{p.path + ": ", 0}
		}
	}
}

// awaitFile waits until the file's lock is free, or was for a moment.
func (p *place) awaitFile(ctx context.Context) error {
	var st unix.Stat_t
	_ = unix.Fstatat(p.fd, p.name, &st, unix.AT_SYMLINK_NOFOLLOW)
	l := p.flock()
	switch err := acquire(ctx, l); {
	case err == nil:
		l.Unlock()
	case errors.Is(err, ErrBusy):
		return &busy{p.path + ": ", lockedBy(&st)}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("lock %s: %w", p.path, err)
	}
	return nil
}

func (p *place) flock() *flock.Flock {
	return flock.New(p.file(), flock.SetFlag(unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC))
}

// locked reports whether l locks the file that st describes.
func locked(l *flock.Flock, st *unix.Stat_t) bool {
	info, err := l.Stat()
	if err != nil {
		return false
	}
	sys, ok := info.Sys().(*syscall.Stat_t)
	return ok && uint64(sys.Dev) == uint64(st.Dev) && uint64(sys.Ino) == uint64(st.Ino)
}

// acquire takes a lock in its turn: the kernel's queue wakes the next one, where trying again and again would
// leave it to luck. A lock that comes after ctx has ended is given back.
func acquire(ctx context.Context, l *flock.Flock) error {
	if ok, err := l.TryLock(); ok || err != nil {
		return err
	}
	got := make(chan error)
	go func() {
		err := l.Lock()
		select {
		case got <- err:
		case <-ctx.Done():
			l.Unlock()
		}
	}()
	select {
	case err := <-got:
		return err
	case <-ctx.Done():
		return ErrBusy
	}
}

// HoldLock takes the lock of the file at path, which is made if need be, at once or fails with ErrBusy. It is held
// until every copy of the descriptor is closed: a process that inherits it holds it for life. (The flock package,
// which the short locks of this package are made with, shows no descriptor.)
func HoldLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o644)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	if err := hold(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// PeekLock fails as HoldLock would, by a look that makes and locks nothing: whether it is held does not count.
func PeekLock(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = unix.Faccessat(unix.AT_FDCWD, filepath.Dir(path), unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: not a regular file", path)
	default:
		err = unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK|unix.W_OK, unix.AT_EACCESS)
	}
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return nil
}

func hold(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == unix.EWOULDBLOCK {
		return ErrBusy
	}
	return err
}
