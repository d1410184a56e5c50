package child

import (
	"errors"
	"os"

	"pidbox/lib/proc"
	"pidbox/lib/proc/procfs"
	"pidbox/lib/spawn"
)

// Whose a process is, is told by its ancestors, and by its session, which is the child's alone. An ancestor that ends
// leaves its children to init, and so no trace. A process without children can have them come to itself instead, for as
// long as the child is its only one: then whatever comes is the child's. One that has other children, as a shell's that
// executed it, must not: what they leave would come to it as well.

// kin is that of the child of a process without others, as long as it is one.
type kin struct{ undo func() }

// adoptOrphans is nil for a process that has children.
func adoptOrphans() *kin {
	if some, err := spawn.Children(); some || err != nil {
		return nil
	}
	return &kin{spawn.AdoptOrphans()}
}

func (k *kin) close() {
	if k != nil {
		k.undo()
	}
}

// Owns says that a process is the child, in its control group or session, or descends from it: also by way of an ancestor that ended, where
// the orphans come to us. proc.ErrNotFound says that it was reaped, and that nothing can be found out any more.
func (c *Child) Owns(h *proc.Handle) (bool, error) {
	for range 2 { // an ancestor may end while it is looked up, and leave its children to another
		if ours, err := c.owns(h); ours || err != nil {
			return ours, err
		}
	}
	return false, nil
}

func (c *Child) owns(h *proc.Handle) (bool, error) {
	if c.members != nil && c.members.Holds(h.PID()) {
		if alive, err := h.Alive(); alive || err != nil {
			return alive, err
		}
	}
	info, err := h.Info()
	if err != nil {
		return false, err
	}
	session := 0
	if c.spec.Session || c.spec.Detach {
		session = c.identity.Session
	}
	for range 100 {
		switch {
		case info.PID == c.identity.PID, info.Session == session && session != 0:
			return true, nil
		case info.Parent == os.Getpid():
			return c.kin != nil, nil
		}
		above, err := proc.Open(info.Parent)
		if err != nil {
			return false, nil
		}
		info, err = above.Info()
		above.Close()
		if err != nil {
			return false, nil
		}
	}
	return false, nil
}

// tree is the process and all that came of it; without /proc to find that in, the group. Where it cannot be searched for want of
// descriptors that is an error: who is left then would be left for good.
func (c *Child) tree() (f *proc.Family, err error) {
	if c.kin == nil {
		f, err = c.root().Family(proc.Tree, nil)
	} else {
		var self *proc.Handle
		if self, err = proc.Self(); err == nil {
			f, err = self.Family(proc.Tree, nil)
		}
	}
	if errors.Is(err, proc.ErrNoProc) || errors.Is(err, errors.ErrUnsupported) {
		return c.handle.Unsearched()
	}
	return f, err
}

// root is the process itself, whoever it was passed on to.
func (c *Child) root() *proc.Handle {
	if c.process != nil {
		return c.process.Handle()
	}
	return c.handle
}

// Members lists the live processes that Owns holds for, as far as they are found: the tree, its session and its control group.
func (c *Child) Members() ([]int, error) {
	tree, err := c.tree()
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	pids, err := tree.Members()
	if c.members != nil && err == nil {
		var more []int
		more, err = c.members.PIDs()
		pids = append(pids, more...)
	}
	if err != nil || !c.spec.Session && !c.spec.Detach {
		return pids, err
	}
	all, err := procfs.Numbers()
	for _, pid := range all {
		if st, err := procfs.StatOf(pid); err == nil && st.Session == c.identity.Session {
			pids = append(pids, pid)
		}
	}
	return pids, err
}
