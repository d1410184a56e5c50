package proc

import (
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc/procfs"
)

// runner is the look at a number for the executable at path, nil if there is none to look for.
func runner(path string) func(pid int) bool {
	if path == "" {
		return nil
	}
	want, there := fileAt(path)
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		resolved = path
	}
	return func(pid int) bool {
		exe := "/proc/" + strconv.Itoa(pid) + "/exe"
		if id, ok := fileAt(exe); ok && there && id == want {
			return true
		}
		exec, deleted := procfs.Exec(unix.AT_FDCWD, exe)
		return deleted && exec == resolved
	}
}

func actsAs(pid, uid int) bool {
	us, err := procfs.ReadUsers(unix.AT_FDCWD, "/proc/"+strconv.Itoa(pid)+"/status", pid)
	return err == nil && us.Effective == uid
}
