package proc

import (
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc/procfs"
)

// elsewhere says that the process with that number is in another group or session than the leader's, by a call that
// costs a hundredth of a look into /proc. Where the kernel does not tell, or finds none, /proc is asked.
func (f *Family) elsewhere(pid int) bool {
	var number int
	var err error
	switch f.scope {
	case Group:
		number, err = unix.Getpgid(pid)
	case Session:
		number, err = unix.Getsid(pid)
	default:
		return false
	}
	return err == nil && number != f.leader.pid
}

// remember keeps who was seen to be none of the tree.
func (f *Family) remember(seen []procfs.Stat) {
	if f.strangers == nil {
		f.strangers = make(map[int]int, len(seen))
	}
	for _, st := range seen {
		if f.known[st.PID] == nil && !f.claims(st) {
			f.strangers[st.PID] = st.Parent
		} else {
			delete(f.strangers, st.PID)
		}
	}
}

// changed leaves out those that were strangers to the tree and have the parent that they had: a process comes into a
// tree when it is forked, or when its parent has ended. One whose number, or whose parent's, was given out again since
// the last search is missed. So this is for the searches on the way, and for the second of the two at the end: whether
// nobody is left is found out without it.
func (f *Family) changed(pids []int) []int {
	there := make(map[int]bool, len(pids))
	for _, pid := range pids {
		there[pid] = true
	}
	maps.DeleteFunc(f.strangers, func(pid, _ int) bool { return !there[pid] })
	return slices.DeleteFunc(pids, func(pid int) bool {
		parent, is := f.strangers[pid]
		return is && (parent == 0 || there[parent])
	})
}
