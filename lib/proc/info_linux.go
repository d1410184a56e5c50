package proc

import (
	"golang.org/x/sys/unix"

	"pidbox/lib/proc/procfs"
)

// readInfo reads the files of a /proc/PID: dir is open, or AT_FDCWD with a prefix that ends in a slash.
func readInfo(dir int, prefix string, pid int) (Info, error) {
	st, err := procfs.ReadStat(dir, prefix+"stat", pid)
	if err != nil {
		return Info{}, err
	}
	us, err := procfs.ReadUsers(dir, prefix+"status", pid)
	if err != nil {
		return Info{}, err
	}
	info := Info{
		PID: st.PID, Name: st.Name, UID: us.Real, EUID: us.Effective, SUID: us.Saved, Started: st.Started(),
		caught: us.Caught, ignored: us.Ignored, State: st.State, Parent: st.Parent, Group: st.Group, Session: st.Session,
	}
	info.Exec, info.Deleted = procfs.Exec(dir, prefix+"exe")
	info.file, _ = fileIn(dir, prefix+"exe")
	if info.Deleted { // its path may be of other mounts than ours, in a container
		theirs, ok := fileIn(dir, prefix+"ns/mnt")
		ours, _ := fileAt("/proc/self/ns/mnt")
		info.elsewhere = ok && theirs != ours
	}
	return info, nil
}

func readCredentials(dir int, path string, pid int) (Credentials, error) {
	us, err := procfs.ReadUsers(dir, path, pid)
	if err != nil {
		return nobody(), err
	}
	return Credentials{us.Real, us.Effective, us.Saved}, nil
}

func fileAt(path string) (fileID, bool) { return fileIn(unix.AT_FDCWD, path) }

func fileIn(dir int, path string) (fileID, bool) {
	var st unix.Stat_t
	err := unix.Fstatat(dir, path, &st, 0)
	return fileID{uint64(st.Dev), st.Ino}, err == nil
}
