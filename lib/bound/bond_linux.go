package bound

import (
	"errors"
	"fmt"

	"pidbox/lib/child"
	"pidbox/lib/spawn"
	"pidbox/lib/stop"
)

// bond holds a command and its descendants.
type bond interface {
	stop.Target // KILL is sure
	Resume() error
	scope() Scope
	// place changes a command so that it is born within.
	place(*spawn.Command)
	// admit is for one that is held.
	admit(*child.Child) error
	// members are the live ones.
	members() ([]int, error)
	// empty says that nothing is left, and nothing comes any more; no may mean that it takes a search to know.
	empty() bool
	// keeperFD is readable when the keeper was killed, and negative without one; guard makes another one.
	keeperFD() int
	guard() error
	// close ends what is left, and removes what was made.
	close() error
}

// open makes a bond in the scope that is asked for, or for Any in the first that can be had; tell is told why others cannot.
func (o *Order) open(k keeping) (bond, error) {
	last := errors.ErrUnsupported
	for _, s := range []Scope{Group, Namespace, Tree} {
		if o.Scope != Any && o.Scope != s {
			continue
		}
		b, err := newBond(s, k)
		if err == nil {
			return b, nil
		}
		last = &UnavailableError{s, err}
		if o.Scope == Any {
			o.tell("%v", last)
		}
	}
	return nil, last
}

func newBond(s Scope, k keeping) (bond, error) {
	switch s {
	case Group:
		return newGroup(k)
	case Namespace:
		return newNamespace(k)
	case Tree:
		return newTree(k)
	}
	return nil, fmt.Errorf("no scope %v", s)
}
