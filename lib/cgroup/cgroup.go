// Package cgroup puts processes and all that comes of them into one control group, and freezes, kills and waits for them
// as one: a double fork, a new session or a new process group does not leave it.
//
// A group of version 2 is frozen and killed by the kernel, and says when it is empty; it needs no controllers, so that a
// version 2 mounted beside version 1 will do. Where none can be made there is the freezer of version 1: there a kill
// freezes all, signals each and thaws, and the end is waited for process by process. See cgroups(7) and the kernel's
// cgroup-v2.rst and freezer-subsystem.rst.
//
// A group is known by its path. Who may write there, root or who was delegated it, may move processes in and out: that
// is the authority that the files of the kernel ask for, and none is added here.
package cgroup

import (
	"errors"
	"fmt"
	"sync"

	"pidbox/lib/proc"
)

// Group is a control group. Its methods may be called concurrently.
type Group struct {
	path   string
	id     uint64 // the inode of that directory
	owner  int    // and its user
	legacy bool   // of the version 1 freezer
	why    error

	mapping sync.Once
	mounts  []mount // of its hierarchy: where a group is that /proc names
}

// mount is one of a hierarchy: the group that is seen at its root, and where.
type mount struct{ root, point string }

// Why is, of a group of version 1 that was made here, what keeps it from being one of version 2; else nil.
func (g *Group) Why() error { return g.why }

// Mark is what a record keeps of the group, to have it again by Reopen.
func (g *Group) Mark() proc.Cgroup { return proc.Cgroup{ID: g.id, Path: g.path} }

// Path is the directory of the group.
func (g *Group) Path() string { return g.path }

// Version is 2, or 1 for one of the freezer.
func (g *Group) Version() int {
	if g.legacy {
		return 1
	}
	return 2
}

// NoneError is why there can be no group here. It is an errors.ErrUnsupported.
type NoneError struct{ Why string }

func (e *NoneError) Error() string { return "no control group is available: " + e.Why }

// Unwrap makes it an errors.ErrUnsupported.
func (*NoneError) Unwrap() error { return errors.ErrUnsupported }

func none(format string, args ...any) error { return &NoneError{fmt.Sprintf(format, args...)} }
