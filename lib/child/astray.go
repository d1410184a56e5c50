package child

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"pidbox/lib/proc/procfs"
)

// Astray is the PID of a process that may have put itself into the background as the child: in a session that is neither
// the child's nor ours nor that of a process above us, it began after the child, one above us has inherited it, and it runs the
// child's program, at path, as the user uid, or has its environment. 0 is for none. It is for a hint, and no proof.
func (c *Child) Astray(path string, uid int, env []string) int {
	above, sessions := []int{os.Getpid()}, []int{c.identity.Session}
	for range 100 {
		st, err := procfs.StatOf(above[len(above)-1])
		if err != nil {
			break
		}
		if sessions = append(sessions, st.Session); st.Parent == 0 {
			break
		}
		above = append(above, st.Parent)
	}
	pids, _ := procfs.Numbers()
	for _, pid := range slices.Backward(pids) {
		st, err := procfs.StatOf(pid)
		if err == nil && pid != c.identity.PID && st.Start >= c.identity.Start && st.State != 'Z' &&
			slices.Contains(above, st.Parent) && !slices.Contains(sessions, st.Session) &&
			(runs(pid, path, uid) || began(pid, env)) {
			return pid
		}
	}
	return 0
}

func runs(pid int, path string, uid int) bool {
	whose, err1 := os.Stat(fmt.Sprintf("/proc/%d", pid))
	one, err2 := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
	other, err3 := os.Stat(path)
	if errors.Join(err1, err2, err3) != nil {
		return false
	}
	st, known := whose.Sys().(*syscall.Stat_t)
	return known && int(st.Uid) == uid && os.SameFile(one, other)
}

// began says that a process began with all of env but what shells change or drop.
func began(pid int, env []string) bool {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	has, same := strings.Split(string(text), "\x00"), false
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		odd := strings.ContainsFunc(name, func(r rune) bool {
			return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		})
		if odd || slices.Contains([]string{"_", "PWD", "OLDPWD", "SHLVL"}, name) {
			continue
		}
		if same = slices.Contains(has, kv); !same {
			break
		}
	}
	return same
}
