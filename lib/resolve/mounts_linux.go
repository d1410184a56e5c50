package resolve

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// filesystem says whether an open directory is in a procfs, and who answers for what its file system shows: root, but
// for FUSE, where a program of the user who mounted it makes up owners and modes.
func filesystem(fd int, st *unix.Stat_t) (procfs bool, mounter int) {
	var fs unix.Statfs_t
	if err := retryErr(func() error { return unix.Fstatfs(fd, &fs) }); err != nil {
		return false, Unknown
	}
	switch uint32(fs.Type) {
	case unix.PROC_SUPER_MAGIC:
		return true, 0
	case unix.FUSE_SUPER_MAGIC:
		return false, fuseOwner(uint64(st.Dev))
	}
	return false, 0
}

// fuseOwner finds the user_id of a FUSE mount in /proc/self/mountinfo, see proc_pid_mountinfo(5).
func fuseOwner(dev uint64) int {
	text, err := slurp("/proc/self/mountinfo")
	if err != nil {
		return Unknown
	}
	id := fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev))
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 7 || f[2] != id {
			continue
		}
		for option := range strings.SplitSeq(f[len(f)-1], ",") {
			if n, ok := strings.CutPrefix(option, "user_id="); ok {
				if uid, err := strconv.Atoi(n); err == nil && !new(accounts).unmapped(uid) {
					return uid
				}
			}
		}
	}
	return Unknown
}

func retryErr(call func() error) error {
	_, err := retry(func() (int, error) { return 0, call() })
	return err
}
