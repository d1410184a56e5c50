package daemon

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"pidbox/lib/pidfile"
	"pidbox/lib/resolve"
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
	var also []int
	if o.Command.User != nil {
		also = append(also, o.Command.User.UID)
	}
	for _, path := range []string{o.Stdout, o.Stderr} {
		if path == "" {
			continue
		}
		if err := rehearseLog(path, o.Truncate, also); err != nil {
			return err
		}
	}
	return spawn.Rehearse(o.Command)
}

// rehearseLog opens a log without making or emptying it.
func rehearseLog(path string, truncate bool, also []int) error {
	p, err := resolve.Walk(path, resolve.Policy{Follow: true, Magic: true})
	if errors.Is(err, fs.ErrNotExist) {
		err = &fs.PathError{Op: "open", Path: path, Err: unix.ENOENT}
	}
	if err != nil {
		return err
	}
	defer p.Close()
	f, err := p.Open(unix.O_WRONLY|unix.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if no := unix.Faccessat(p.Fd(), ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS); no != nil {
			return &fs.PathError{Op: "open", Path: path, Err: no}
		}
		return p.Word().May(resolve.Create, p.Entry(nil, -1), also...)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	fd := int(f.Fd())
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	word := append(p.Word(), p.FileWord(&st, fd)...)
	err = word.May(resolve.Append, p.Entry(&st, fd), also...)
	if err == nil && truncate {
		err = word.May(resolve.Truncate, p.Entry(&st, fd), also...)
	}
	return err
}
