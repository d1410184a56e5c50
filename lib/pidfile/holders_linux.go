package pidfile

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
)

// lockHolders lists the processes that are seen to hold an flock of the file, by their descriptors: proc_locks(5) tells
// the PID of the process that once took a lock, which may have exited and left it to a child, and the PID to a stranger.
// The caller sees the descriptors of his own processes, root those of all.
func lockHolders(st *unix.Stat_t) []lockHolder {
	first := lockedBy(st)
	if by, ok := holds(first, st); ok {
		return []lockHolder{by}
	}
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var list []lockHolder
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid != first {
			if by, ok := holds(pid, st); ok {
				list = append(list, by)
			}
		}
	}
	return list
}

// holds says whether the process with that PID has the file open, and locked.
func holds(pid int, st *unix.Stat_t) (lockHolder, bool) {
	dir := "/proc/" + strconv.Itoa(pid)
	fds, err := os.Open(dir + "/fd")
	if pid <= 0 || err != nil {
		return lockHolder{}, false
	}
	defer fds.Close()
	names, _ := fds.Readdirnames(-1)
	for _, name := range names {
		var open unix.Statx_t // without asking a server that may not answer
		err := unix.Statx(unix.AT_FDCWD, dir+"/fd/"+name, unix.AT_STATX_DONT_SYNC, unix.STATX_INO, &open)
		if err != nil || unix.Mkdev(open.Dev_major, open.Dev_minor) != uint64(st.Dev) || open.Ino != st.Ino {
			continue
		}
		text, err := os.ReadFile(dir + "/fdinfo/" + name)
		if err != nil || !strings.Contains(string(text), "FLOCK") {
			continue
		}
		h, err := proc.Open(pid)
		if err != nil {
			return lockHolder{}, false
		}
		defer h.Close()
		info, err := h.Info() // its real user: a program that is set-user-ID is its caller's
		return lockHolder{pid, info.UID}, err == nil
	}
	return lockHolder{}, false
}

// lockedBy is the process that took an flock of the file, or 0. File systems that show another device number than they
// have are not found here.
func lockedBy(st *unix.Stat_t) int {
	text, _ := os.ReadFile("/proc/locks")
	file := fmt.Sprintf("%02x:%02x:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)), st.Ino)
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 5 && f[1] == "FLOCK" && f[5] == file {
			pid, _ := strconv.Atoi(f[4])
			return max(pid, 0)
		}
	}
	return 0
}
