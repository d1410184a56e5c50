package resolve

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// dirFlags open a directory to stand on; reading it is not needed for that.
const dirFlags = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC

// procRoot is the inode of the root directory of a procfs, PROC_ROOT_INO. All links below it are magic.
const procRoot = 1

// readLink opens the link called name in dir and reads it. The target is empty where it is no link.
func readLink(dir int, name string) (target string, st unix.Stat_t, err error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return "", st, err
	}
	defer unix.Close(fd)
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFLNK {
		return "", st, err
	}
	target, err = readlink(fd, "")
	return target, st, err
}

// readlink reads the target of a link, which is mostly short: the stack would have to grow for the longest.
func readlink(dir int, name string) (string, error) {
	var short [256]byte
	n, err := unix.Readlinkat(dir, name, short[:])
	if err != nil || n < len(short) {
		return string(short[:max(n, 0)]), err
	}
	long := make([]byte, n*maxPath/len(short))
	n, err = unix.Readlinkat(dir, name, long)
	return string(long[:max(n, 0)]), err
}

// born is when an open file was made, 0 where its file system does not tell.
func born(fd int) int64 {
	var st unix.Statx_t
	err := retryErr(func() error { return unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &st) })
	if err != nil || st.Mask&unix.STATX_BTIME == 0 {
		return 0
	}
	return st.Btime.Sec*1e9 + int64(st.Btime.Nsec)
}

// canonical is the path of an open directory, if it leads there.
func canonical(fd int, is *unix.Stat_t) (string, bool) {
	dir, err := readlink(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd))
	if err != nil || len(dir) == 0 || len(dir) == maxPath || dir[0] != '/' {
		return "", false
	}
	var st unix.Stat_t
	if unix.Lstat(dir, &st) != nil || identify(&st) != identify(is) {
		return "", false
	}
	return dir, true
}
