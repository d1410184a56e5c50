package proc

import (
	"fmt"
	"strings"

	"pidbox/lib/proc/procfs"
)

// Scope is how far a signal reaches.
type Scope int

// The scopes: the process alone, the process group or the session it leads, it and its descendants, or the control group
// that is its own, which is for lib/cgroup to find.
const (
	Process Scope = iota
	Group
	Session
	Tree
	ControlGroup
)

// String is the scope's name in messages.
func (s Scope) String() string {
	switch s {
	case Group:
		return "process group"
	case Session:
		return "session"
	case Tree:
		return "process tree"
	case ControlGroup:
		return "control group of process"
	}
	return "process"
}

// number is that of the group or session which st is in.
func (s Scope) number(st procfs.Stat) int {
	if s == Group {
		return st.Group
	}
	return st.Session
}

// NotLeaderError says that a process does not lead its group or session, so that a signal to those would reach
// processes which are not its own.
type NotLeaderError struct {
	PID    int
	Scope  Scope
	Leader int // the number of the group or session that it is in
}

func (e *NotLeaderError) Error() string {
	return fmt.Sprintf("process %d does not lead its %s, which is %d", e.PID, e.Scope, e.Leader)
}

// DoubtError says that a group or session with the number of an ended process has members, and that nothing proves
// them to be its own.
type DoubtError struct {
	PID     int
	Scope   Scope
	Members []int
}

func (e *DoubtError) Error() string {
	return fmt.Sprintf("leader of %s %d has exited; cannot confirm that %s belong to it",
		e.Scope, e.PID, strings.Trim(fmt.Sprint(e.Members), "[]"))
}

// Refused says that members were left alone, because the family's Allow forbids to signal them. All others were
// signalled, or are gone.
type Refused struct {
	PID     int // the leader
	Scope   Scope
	Members []int
	Why     error // of the first
}

func (e *Refused) Error() string {
	return fmt.Sprintf("%s %d: not signalled: %s: %v", e.Scope, e.PID, strings.Trim(fmt.Sprint(e.Members), "[]"), e.Why)
}

// Unwrap is why.
func (e *Refused) Unwrap() error { return e.Why }
