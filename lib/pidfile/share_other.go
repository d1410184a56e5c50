//go:build !linux

package pidfile

import (
	"golang.org/x/sys/unix"

	"pidbox/lib/resolve"
)

func renameNew(int, string, string) error { return unix.ENOSYS }

// share lets the directory's owner and group open the lock file that was made in it.
func share(p *resolve.Place, fd int) {
	var dir unix.Stat_t
	if unix.Fstat(p.Fd(), &dir) != nil {
		return
	}
	_ = unix.Fchown(fd, int(dir.Uid), int(dir.Gid))
	_ = unix.Fchmod(fd, 0o600|uint32(dir.Mode)&0o022|uint32(dir.Mode)&0o022<<1)
}

// renumbers is asked only where the kernel keeps bindings.
func renumbers(*resolve.Place) bool { return false }
