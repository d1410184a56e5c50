// Package bound runs a command whose descendants exit with it, whatever they do to get away and whichever process here is
// killed. There are three ways to hold them together:
//
//	a control group   COMMAND is born in it, and no fork, session or process group leaves it; cgroup.kill ends all
//	a PID namespace   its first process is ours and only waits; the kernel ends all when that exits
//	the tree          orphans come to us, the nearest subreaper, so that all are our descendants; a walk ends them
//
// Who ends them when we are killed ourselves is a process that they are no ancestors of:
//
//	us ──┬── keeper      a fork in a session of its own: waits for our exit by a pidfd, writes to cgroup.kill, exits
//	     └── COMMAND     in the control group
//
//	us ──┬── init        a fork, the first of the namespace: waits for our exit by a pidfd, and exits
//	     └── COMMAND     in the namespace, our child nevertheless
//
//	us ───── us again    a run of ours in a process group of its own, which does all the work; each of the two ends all
//	            └── COMMAND   that is left when the other has exited
//
// The keeper is there before COMMAND is, and COMMAND does not run before it is held. A keeper that was killed is replaced at
// once; with the first process of a namespace all in it exit. In the tree an orphan of the lower one comes to the upper one.
//
// The keeper waits for the owner and the time limit too, and acts on them later than we would: for when we are stopped.
//
// COMMAND stays in our process group, so that the terminal is its own as much as ours, and dies with us by the parent-death
// signal. A process that was moved out of the control group is found as our descendant.
package bound

import (
	"fmt"
)

// Scope is a way to hold processes together.
type Scope int

// The scopes. Any is the first of the others that can be had.
const (
	Any Scope = iota
	Group
	Namespace
	Tree
)

func (s Scope) String() string {
	return [...]string{"any", "cgroup", "namespace", "tree"}[s]
}

func (s Scope) noun() string {
	return [...]string{"scope", "control group", "PID namespace", "tree"}[s]
}

// ParseScope reads what String writes, but for any.
func ParseScope(text string) (Scope, error) {
	for _, s := range []Scope{Group, Namespace, Tree} {
		if s.String() == text {
			return s, nil
		}
	}
	return 0, fmt.Errorf("%q is not cgroup, namespace or tree", text)
}

// UnavailableError says why COMMAND cannot be bound by a scope here.
type UnavailableError struct {
	Scope Scope
	Err   error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("cannot bind COMMAND by a %s: %v", e.Scope.noun(), e.Err)
}

func (e *UnavailableError) Unwrap() error { return e.Err }
