//go:build !linux

package resolve

import (
	"golang.org/x/sys/unix"
)

const (
	dirFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	procRoot = 0
)

// readLink reads the link called name in dir between two looks that must see the same.
func readLink(dir int, name string) (target string, st unix.Stat_t, err error) {
	for range maxLooks {
		var after unix.Stat_t
		err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
		if err != nil || st.Mode&unix.S_IFMT != unix.S_IFLNK {
			return "", st, err
		}
		buf := make([]byte, maxPath)
		n, err := unix.Readlinkat(dir, name, buf)
		if err == nil && unix.Fstatat(dir, name, &after, unix.AT_SYMLINK_NOFOLLOW) == nil && after == st {
			return string(buf[:n]), st, nil
		}
	}
	return "", st, unix.EAGAIN
}

// born is not asked for here.
func born(int) int64 { return 0 }

// canonical is not known here.
func canonical(int, *unix.Stat_t) (string, bool) { return "", false }

// filesystem says what answers for a file system; here the kernel does for all.
func filesystem(int, *unix.Stat_t) (procfs bool, mounter int) { return false, 0 }

// readACL reads no ACLs here: they are not seen.
func readACL(int, string, int) ([]aclEntry, error) { return nil, nil }
