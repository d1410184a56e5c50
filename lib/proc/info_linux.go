package proc

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// users is what the file status adds to stat.
type users struct{ pid, tgid, real, effective int }

func readUsers(dir int, path string, pid int) (users, error) {
	us, err := again(func() (users, bool, error) {
		var buf [4096]byte
		text, err := slurp(dir, path, buf[:])
		if err != nil {
			return users{}, false, err
		}
		us, err := parseUsers(text)
		return us, err == nil && us.pid == pid, err
	})
	if err == nil && us.pid != pid {
		return users{}, unix.ESRCH
	}
	return us, err
}

// parseUsers reads lines of proc_pid_status(5), in which the name before them is escaped.
func parseUsers(text []byte) (us users, err error) {
	uid := []byte(nil)
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("Uid:")); ok {
			uid = rest
			break
		}
	}
	ids := bytes.Fields(uid)
	if len(ids) < 2 {
		return users{}, errStat
	}
	for _, number := range []struct {
		to   *int
		text []byte
	}{{&us.pid, field(text, "Pid:")}, {&us.tgid, field(text, "Tgid:")}, {&us.real, ids[0]}, {&us.effective, ids[1]}} {
		n, err := strconv.ParseUint(string(number.text), 10, 32)
		if err != nil {
			return users{}, fmt.Errorf("%w: %w", errStat, err)
		}
		*number.to = int(n)
	}
	return us, nil
}

// readInfo reads the files of a /proc/PID: dir is open, or AT_FDCWD with a prefix that ends in a slash.
func readInfo(dir int, prefix string, pid int) (Info, error) {
	st, err := readStat(dir, prefix+"stat", pid)
	if err != nil {
		return Info{}, err
	}
	us, err := readUsers(dir, prefix+"status", pid)
	if err != nil {
		return Info{}, err
	}
	info := Info{
		PID: st.pid, Name: st.name, UID: us.real, EUID: us.effective, Started: st.started(),
		State: st.state, Parent: st.parent, Group: st.group, Session: st.session,
	}
	info.Exec, info.Deleted = readExec(dir, prefix+"exe")
	info.file, _ = fileIn(dir, prefix+"exe")
	return info, nil
}

func fileAt(path string) (fileID, bool) { return fileIn(unix.AT_FDCWD, path) }

func fileIn(dir int, path string) (fileID, bool) {
	var st unix.Stat_t
	err := unix.Fstatat(dir, path, &st, 0)
	return fileID{st.Dev, st.Ino}, err == nil
}

// readExec reads proc_pid_exe(5), which needs the right to trace the process. The kernel marks the path of a file that
// is no longer there.
func readExec(dir int, path string) (exec string, deleted bool) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(dir, path, buf)
	if err != nil {
		return "", false
	}
	exec = string(buf[:n])
	var st unix.Stat_t
	if plain, ok := strings.CutSuffix(exec, " (deleted)"); ok && unix.Stat(exec, &st) != nil {
		return plain, true
	}
	return exec, false
}
