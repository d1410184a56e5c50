package daemon

import (
	"errors"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"pidbox/lib/pidfile"
	"pidbox/lib/spawn"
)

// Rehearse fails as Start would before it starts anything, by a look that changes nothing and locks nothing. Locks that
// are held, and a full disk, are not seen by it.
func Rehearse(o Order) error {
	if o.Command.User != nil {
		o.Rules = o.Rules.Trusting(o.Command.User.UID)
	}
	if o.PIDFile != "" {
		h, err := pidfile.Peek(o.PIDFile, nil, o.Rules)
		if err != nil {
			return err
		}
		h.Close()
	}
	if o.LockFile != "" {
		if err := pidfile.PeekLock(o.LockFile); err != nil {
			return &LockedError{o.LockFile, err}
		}
	}
	for _, path := range []string{o.Stdout, o.Stderr} {
		if path == "" {
			continue
		}
		if err := rehearseLog(path); err != nil {
			return err
		}
	}
	return spawn.Rehearse(o.Command)
}

// rehearseLog opens a log without making or emptying it.
func rehearseLog(path string) error {
	f, err := openAs(path, 0, nil)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
		if no := unix.Faccessat(unix.AT_FDCWD, filepath.Dir(path), unix.W_OK|unix.X_OK, unix.AT_EACCESS); no != nil {
			err = &fs.PathError{Op: "open", Path: path, Err: no}
		}
	}
	if f != nil {
		f.Close()
	}
	return err
}
