package pidfile

import (
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// lockHolder is a process that was seen to hold a lock: it is alive, and has the file open and locked.
type lockHolder struct{ pid, ruid int }

// heldBy is a process that holds an flock of the file, or 0 where none can be seen.
func heldBy(st *unix.Stat_t) int {
	for _, by := range lockHolders(st) {
		return by.pid
	}
	return 0
}

// mustHonour says whether the lock on the pidfile counts: unless every process that holds it is seen to be a stranger's,
// who can merely read the file. It does if one is of root, of the caller, of the file's owner or of a user to be
// trusted, or is the process that the file names.
func mustHonour(h *Holder) bool {
	st, ok := statOf(h.place, h.place.Name)
	if !ok {
		return true // it has gone, and its lock with it
	}
	holders := lockHolders(st)
	for _, by := range holders {
		switch by.ruid {
		case 0, os.Geteuid(), int(st.Uid):
			return true
		}
		if by.pid == h.PID || slices.Contains(h.rules.Trust, by.ruid) {
			return true
		}
	}
	return len(holders) == 0
}
