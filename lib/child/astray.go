package child

import (
	"os"
	"slices"

	"pidbox/lib/proc/procfs"
)

// Astray is the PID of a process that may have put itself into the background as the child: in a session that is neither
// the child's nor ours nor that of a process above us, it began after the child, and one above us has inherited it. 0 is for
// none. It is for a hint, and no proof.
func (c *Child) Astray() int {
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
			slices.Contains(above, st.Parent) && !slices.Contains(sessions, st.Session) {
			return pid
		}
	}
	return 0
}
