package bound

import (
	"time"

	"pidbox/lib/child"
	"pidbox/lib/proc"
)

// killWait is how long processes may take to vanish after a KILL.
const killWait = 5 * time.Second

// keeping is what a bond needs to know.
type keeping struct {
	orphans *child.Orphans
	strange []*proc.Handle // children that this process had before: an exec does not end them
	owner   *Owner         // nil for none
	until   time.Time      // the time limit; zero for none
	late    time.Duration  // how much later than we would the keeper acts on those two
	raised  bool           // COMMAND gets privileges by its file
}

// stranger says that the child of that PID is not our doing.
func (k keeping) stranger(pid, _ int) bool {
	for _, h := range k.strange {
		if h.PID() == pid {
			alive, err := h.Alive()
			return alive || err != nil
		}
	}
	return false
}
