package listener

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"pidbox/lib/proc/procfs"
)

// Strike takes from the sockets, by their inodes, those that a process has open. An error is one that the caller may not
// look into; one that has ended has none open.
func Strike(pid int, sockets map[uint64]Socket) error {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	f, err := os.Open(dir)
	if err != nil {
		return ended(err)
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return ended(err)
	}
	for _, name := range names {
		target, err := os.Readlink(dir + "/" + name)
		if errors.Is(err, fs.ErrPermission) {
			return err
		}
		number, is := strings.CutPrefix(target, "socket:[")
		if !is {
			continue
		}
		if inode, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64); err == nil {
			if delete(sockets, inode); len(sockets) == 0 {
				return nil
			}
		}
	}
	return nil
}

// ended makes no error of one that says that the process has.
func ended(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// Holder is a process that has the socket open, the one with the lowest PID of those that the caller may look into; 0 for
// none.
func Holder(s Socket) int {
	pids, _ := procfs.Numbers()
	for _, pid := range pids {
		one := map[uint64]Socket{s.Inode: s}
		if err := Strike(pid, one); err == nil && len(one) == 0 {
			return pid
		}
	}
	return 0
}
