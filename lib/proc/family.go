package proc

import (
	"context"
	"fmt"
	"syscall"
)

// Scope is how far a signal reaches.
type Scope int

// The scopes: the process alone, the process group or session it leads, or it and its descendants.
const (
	Process Scope = iota
	Group
	Session
	Tree
)

// String is the scope's name in messages.
func (s Scope) String() string {
	return [...]string{"process", "process group", "session", "process tree"}[s]
}

// NotLeaderError says that a process does not lead its group or session, so that a signal to those would reach
// processes which are not its own.
type NotLeaderError struct {
	PID    int
	Scope  Scope
	Leader int // the number of the group or session it is in
}

func (e *NotLeaderError) Error() string {
	return fmt.Sprintf("process %d does not lead its %s, which is that of %d", e.PID, e.Scope, e.Leader)
}

// DoubtError says that there are members of a group or session with the recorded number, and nothing proves that they
// are the recorded process's.
type DoubtError struct {
	PID     int
	Scope   Scope
	Members []int
	Reason  string
}

func (e *DoubtError) Error() string {
	return fmt.Sprintf("%s %d has members %v without its leader: %s", e.Scope, e.PID, e.Members, e.Reason)
}

// Family is a process and the others in its scope. The calling process never counts as a member.
type Family struct {
	leader *Handle // nil when only orphans are left and the leader cannot be opened
}

// Family finds the processes in scope. It fails with *NotLeaderError where h does not lead its group or session.
func (h *Handle) Family(scope Scope) (*Family, error) { return nil, errNotYet }

// Orphans finds what is left of the group or session of a recorded process that has ended. ErrNotFound means that
// nothing is; *DoubtError that there are members which cannot be proven to be its own; a process that is itself still
// alive is an error. Of a tree nothing can be found once its root is dead: that is ErrNotFound too.
func Orphans(recorded Identity, scope Scope) (*Family, error) { return nil, errNotYet }

// Signal sends s to every member. ErrNotFound means that none is left.
func (f *Family) Signal(s syscall.Signal) error { return errNotYet }

// Wait returns nil once no member is alive, and the cause of ctx if that ends first.
func (f *Family) Wait(ctx context.Context) error { return errNotYet }

// Alive reports whether any member is alive.
func (f *Family) Alive() (bool, error) { return false, errNotYet }

// Members lists the numbers of the live members, ascending.
func (f *Family) Members() ([]int, error) { return nil, errNotYet }

// Close lets go of the members, not of the handle that the family was made from.
func (f *Family) Close() error { return nil }
