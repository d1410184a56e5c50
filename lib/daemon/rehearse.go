package daemon

import (
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
	for _, path := range []string{o.Stdout, o.Stderr} {
		if path == "" || path == ownOutput {
			continue
		}
		if err := resolve.CheckLog(path, logPolicy(o.Rules)); err != nil {
			return err
		}
	}
	return spawn.Rehearse(o.Command)
}
