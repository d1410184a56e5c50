package pidfile

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"pidbox/lib/digest"
	"pidbox/lib/resolve"
)

// lockName is the name of the lock file of a pidfile, which is not longer than a name may be.
func lockName(name string) string {
	const most = 255
	full := "." + name + ".lock"
	if len(full) <= most {
		return full
	}
	sum := digest.Sum256([]byte(name))
	return "." + name[:most-len("..lock")-33] + "-" + hex.EncodeToString(sum[:16]) + ".lock"
}

// lockFile is the open file beside a pidfile.
type lockFile int

// TryLock, Lock and Unlock are as the flock package's; a lockFile is closed by Unlock, and by a lock that fails.
func (f lockFile) TryLock() (bool, error) {
	switch err := f.flock(unix.LOCK_EX | unix.LOCK_NB); err {
	case nil:
		return true, nil
	case unix.EWOULDBLOCK:
		return false, nil
	default:
		return false, err
	}
}

func (f lockFile) Lock() error { return f.flock(unix.LOCK_EX) }

func (f lockFile) Unlock() error { return unix.Close(int(f)) }

func (f lockFile) flock(how int) error {
	for {
		err := unix.Flock(int(f), how)
		if err == unix.EINTR {
			continue
		}
		if err != nil && err != unix.EWOULDBLOCK {
			unix.Close(int(f))
		}
		return err
	}
}

// there says that it has its name still.
func (f lockFile) there(p *resolve.Place) bool {
	var st unix.Stat_t
	now, ok := statOf(p, lockName(p.Name))
	return ok && unix.Fstat(int(f), &st) == nil && st.Dev == now.Dev && st.Ino == now.Ino
}

// lockBeside takes the lock of the file beside the pidfile; nil where the caller cannot make one.
func lockBeside(ctx context.Context, p *resolve.Place) (*lockFile, error) {
	name := lockName(p.Name)
	beside := fmt.Sprintf("%s: lock file %s", p.Path, name)
	for {
		fd, err := openLock(ctx, p, name)
		if fd < 0 {
			return nil, err
		}
		l := lockFile(fd)
		switch err := acquire(ctx, l); {
		case errors.Is(err, ErrBusy):
			st, _ := statOf(p, name)
			return nil, &busy{beside, heldBy(st)}
		case err != nil:
			return nil, fmt.Errorf("lock %s: %w", beside, err)
		case l.there(p):
			return &l, nil
		}
		_ = l.Unlock() // its owner has removed it: another one counts
		if ctx.Err() != nil {
			return nil, &busy{beside, 0}
		}
	}
}

// openLock opens the lock file, or makes it; -1 without an error where the caller can do neither, for want of a right or
// of room on the disk: a pidfile is released there all the same. One that he may not open is a moment old and about to be
// opened to him, or what a killed claim of another user has left. What a stranger has put there, in a sticky directory, is
// no lock: he could keep it for ever.
func openLock(ctx context.Context, p *resolve.Place, name string) (int, error) {
	for {
		if ctx.Err() != nil {
			return -1, &busy{fmt.Sprintf("%s: lock file %s", p.Path, name), 0}
		}
		fd, err := unix.Openat(p.Fd(), name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		if err == nil {
			share(p, fd)
			return fd, nil
		}
		if err == unix.ENOENT && !removed(p) { // what is there by itself, as in /proc, is all that there can be
			return -1, &fs.PathError{Op: "make", Path: p.Path, Err: unix.EOPNOTSUPP}
		}
		if err == unix.EEXIST {
			fd, err = unix.Openat(p.Fd(), name, unix.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
			if squats(p, name, fd) {
				if err == nil {
					unix.Close(fd)
				}
				if !clear(p, name) {
					return -1, nil
				}
				continue
			}
			if err == nil {
				if err = isLockFile(p, name, fd); err != nil {
					unix.Close(fd)
					fd = -1
				}
				return fd, err
			}
		} else if refused(err) || full(err) {
			return -1, nil
		}
		switch err {
		case unix.ELOOP, unix.EISDIR, unix.ENXIO:
			return -1, notLockFile(p, name)
		case unix.EINTR:
		case unix.ENOENT: // it has just been removed, or else the directory was
			if removed(p) {
				return -1, &fs.PathError{Op: "lock", Path: p.Path, Err: err}
			}
		case unix.EROFS: // one that was left when it could still be written
			return -1, nil
		case unix.EACCES, unix.EPERM:
			if isOld(p.Fd(), name, sweepAge) && unix.Unlinkat(p.Fd(), name, 0) != nil {
				return -1, nil // a stranger's, in a sticky directory
			}
			time.Sleep(time.Millisecond)
		default:
			return -1, &fs.PathError{Op: "lock", Path: p.Dir() + "/" + name, Err: err}
		}
	}
}

// removed says that the directory is no more.
func removed(p *resolve.Place) bool {
	var st unix.Stat_t
	return unix.Fstat(p.Fd(), &st) == nil && st.Nlink == 0
}

// squats says that what has the lock file's name, and is open as fd if that could be done, is a stranger's.
func squats(p *resolve.Place, name string, fd int) bool {
	var st unix.Stat_t
	if fd >= 0 {
		return unix.Fstat(fd, &st) == nil && p.Squats(&st)
	}
	return unix.Fstatat(p.Fd(), name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && p.Squats(&st)
}

// clear removes what has the lock file's name, if the caller can.
func clear(p *resolve.Place, name string) bool {
	err := unix.Unlinkat(p.Fd(), name, 0)
	if err == unix.EISDIR {
		err = unix.Unlinkat(p.Fd(), name, unix.AT_REMOVEDIR)
	}
	return err == nil || err == unix.ENOENT
}

// isLockFile refuses what is no regular file.
func isLockFile(p *resolve.Place, name string, fd int) error {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = notLockFile(p, name)
	}
	return err
}

func notLockFile(p *resolve.Place, name string) error {
	path := p.Dir() + "/" + name
	return &resolve.Unsafe{Path: path, Reason: "is not a regular file", Hint: resolve.Quote("rm", path)}
}

// within is a path to a name in the open directory, for a library that takes no descriptor: who uses it compares what was
// opened with what is there.
func within(p *resolve.Place, name string) string {
	dir := "/proc/self/fd/" + strconv.Itoa(p.Fd())
	if _, err := os.Lstat(dir); err != nil {
		dir = p.Dir()
	}
	return dir + "/" + name
}

func statOf(p *resolve.Place, name string) (*unix.Stat_t, bool) {
	var st unix.Stat_t
	err := unix.Fstatat(p.Fd(), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return &st, err == nil
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
func acquire(ctx context.Context, l interface {
	TryLock() (bool, error)
	Lock() error
	Unlock() error
}) error {
	if ok, err := l.TryLock(); ok || err != nil {
		return err
	}
	got := make(chan error)
	go func() {
		err := l.Lock()
		select {
		case got <- err:
		case <-ctx.Done():
			if err == nil {
				_ = l.Unlock()
			}
		}
	}()
	select {
	case err := <-got:
		return err
	case <-ctx.Done():
		return ErrBusy
	}
}
