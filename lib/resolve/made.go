package resolve

import (
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Unmake removes a directory that a walk has made, if it is empty: fs.ErrExist says that others have used it since. The
// way there is walked again, so that nothing else is removed in its place.
func Unmake(dir string, policy Policy) error {
	policy.Make, policy.Follow = 0, false
	p, err := Walk(filepath.Clean(dir), policy)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := unix.Unlinkat(p.fd, p.Name, unix.AT_REMOVEDIR); err != nil {
		return &fs.PathError{Op: "remove the directory", Path: dir, Err: err}
	}
	return nil
}
