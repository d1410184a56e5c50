package pidfile

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"pidbox/lib/resolve"
)

// HoldLock takes the lock of the file at path at once, or fails with ErrBusy. The file is made if need be, with mode 0600:
// who can open it can lock it. It is held until every copy of the descriptor is closed: a process that inherits it holds
// it for its lifetime.
func HoldLock(path string) (*os.File, error) { return AwaitLock(context.Background(), path, false) }

// AwaitLock is HoldLock, which waits for the lock, until the end of ctx, if wait says so.
func AwaitLock(ctx context.Context, path string, wait bool) (*os.File, error) {
	p, err := resolve.Walk(path, resolve.Policy{})
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if err := mayLock(p); err != nil {
		return nil, err
	}
	f, err := p.Open(unix.O_RDWR|unix.O_CREAT, 0o600)
	if err != nil {
		return nil, err
	}
	err = holdRegular(f, path)
	if wait && errors.Is(err, ErrBusy) {
		err = await(ctx, f)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// await locks the file once nothing else holds its lock, which the kernel tells; what waits when ctx ends goes on until then.
func await(ctx context.Context, f *os.File) error {
	locked := make(chan error, 1)
	go func() {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		for errors.Is(err, unix.EINTR) {
			err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		}
		locked <- err
	}()
	select {
	case err := <-locked:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// holdRegular locks the open file, which may be another one than was there before.
func holdRegular(f *os.File, path string) error {
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return notLockable(path)
	}
	return hold(f, path)
}

func notLockable(path string) error {
	return &resolve.Unsafe{Path: path, Reason: "is not a regular file", Hint: "name another lock file"}
}

// mayLock judges the file at p, which may be missing.
func mayLock(p *resolve.Place) error {
	st, err := p.Stat()
	switch {
	case isMissing(err):
		return p.Word().May(resolve.Lock, p.Entry(nil, -1))
	case err != nil:
		return err
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return notLockable(p.Path)
	}
	return p.Word().May(resolve.Lock, p.Entry(st, -1))
}

// PeekLock fails as HoldLock would, by a look that makes and locks nothing: whether it is held does not count.
func PeekLock(path string) error {
	p, err := resolve.Walk(path, resolve.Policy{})
	if err != nil {
		return err
	}
	defer p.Close()
	if err := mayLock(p); err != nil {
		return err
	}
	name, want := p.Name, uint32(unix.R_OK|unix.W_OK)
	if _, err := p.Stat(); err != nil {
		name, want = ".", unix.W_OK|unix.X_OK
	}
	if err := unix.Faccessat(p.Fd(), name, want, unix.AT_EACCESS); err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	return nil
}

// LockFile opens the file that was written and locks it, for a process that inherits the descriptor and holds the
// lock for its lifetime, as some daemons do with their pidfiles.
func (r *Reservation) LockFile() (*os.File, error) {
	f, err := r.place.Open(unix.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	if l := r.locks.file; l != nil { // on this very file where that was written in place
		_ = l.Unlock()
		r.locks.file = nil
	}
	if err := hold(f, r.place.Path); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func hold(f *os.File, path string) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		var st unix.Stat_t
		pid := 0
		if unix.Fstat(int(f.Fd()), &st) == nil {
			pid = heldBy(&st)
		}
		return &busy{path, pid}
	}
	return err
}
