package child

import (
	"os"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

// kin is what tells the tree of a child from our other descendants: those that this process had before, as a shell's
// that executed it. While there is a kin, orphans among all of them come to this process; those of the others are told
// by their session, which is never the child's.
type kin struct {
	children, sessions map[int]bool
	unknown            bool // there are some, and no /proc to tell which
	undo               func()
	root, session      int // the child, and its session; 0: not known
}

// findKin looks before the child is forked.
func findKin() *kin {
	k := &kin{children: map[int]bool{}, sessions: map[int]bool{}}
	if k.unknown = !spawn.Childless(); k.unknown {
		k.look()
	}
	k.undo = spawn.AdoptOrphans()
	return k
}

func (k *kin) look() {
	self, err := proc.Self()
	if err != nil {
		return
	}
	defer self.Close()
	family, err := self.Family(proc.Tree, nil)
	if err != nil {
		return
	}
	defer family.Close()
	pids, err := family.Members()
	if err != nil {
		return
	}
	session, _ := unix.Getsid(0)
	k.sessions[session], k.unknown = true, false
	for _, pid := range pids {
		h, err := proc.Open(pid)
		if err != nil {
			continue // it has ended
		}
		if info, err := h.Info(); err == nil {
			k.sessions[info.Session] = true
			k.children[pid] = info.Parent == os.Getpid()
		}
		h.Close()
	}
}

func (k *kin) meet(root, session int) {
	if k != nil {
		k.root, k.session = root, session
	}
}

func (k *kin) close() {
	if k != nil {
		k.undo()
	}
}

// others says that a child of this process is not of the tree, or may be not.
func (k *kin) others(pid, session int) bool {
	return k.unknown || k.children[pid] || k.sessions[session]
}

// owns says that a process is of the child's session or descends from it, also by way of an ancestor that ended.
func (k *kin) owns(pid int) bool {
	for range 100 {
		if pid == k.root {
			return true
		}
		h, err := proc.Open(pid)
		if err != nil {
			return false
		}
		info, err := h.Info()
		h.Close()
		switch {
		case err != nil:
			return false
		case info.Session == k.session && k.session != 0:
			return true
		case info.Parent == os.Getpid():
			return !k.others(pid, info.Session)
		}
		pid = info.Parent
	}
	return false
}

// Owns says that a process is one of the child's tree.
func (c *Child) Owns(pid int) bool {
	for range 2 { // an ancestor may end while it is looked up, and this process inherit what it leaves
		if c.kin.owns(pid) {
			return true
		}
	}
	return false
}

// tree is the process and all that came of it: the descendants of this process, which adopts the orphans among them,
// less the others; without /proc to find them in, the group.
func (c *Child) tree() (f *proc.Family, err error) {
	if c.kin == nil || c.kin.unknown {
		f, err = c.root().Family(proc.Tree, nil)
	} else {
		var self *proc.Handle
		if self, err = proc.Self(); err == nil {
			f, err = self.TreeWithout(c.kin.others)
		}
	}
	if err != nil {
		return c.handle.Unsearched()
	}
	return f, nil
}

// root is the process itself, whoever it was passed on to.
func (c *Child) root() *proc.Handle {
	if c.process != nil {
		return c.process.Handle()
	}
	return c.handle
}
