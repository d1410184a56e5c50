package daemon

import (
	"os"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

// others are the processes that this one had for descendants before it began, as a shell's that executed it. Orphans of
// theirs come to it as the daemon's do; those are told by their session, which is never the daemon's.
type others struct {
	children, sessions map[int]bool
	unknown            bool // there are some, and no /proc to tell which
}

func findOthers() (o others) {
	if spawn.Childless() {
		return o
	}
	o = others{map[int]bool{}, map[int]bool{}, true}
	self, err := proc.Self()
	if err != nil {
		return o
	}
	defer self.Close()
	family, err := self.Family(proc.Tree, nil)
	if err != nil {
		return o
	}
	defer family.Close()
	pids, err := family.Members()
	if err != nil {
		return o
	}
	session, _ := unix.Getsid(0)
	o.sessions[session], o.unknown = true, false
	for _, pid := range pids {
		h, err := proc.Open(pid)
		if err != nil {
			continue // it has ended
		}
		if info, err := h.Info(); err == nil {
			o.sessions[info.Session] = true
			o.children[pid] = info.Parent == os.Getpid()
		}
		h.Close()
	}
	return o
}

// own says that a child of this process is one of them, or may be.
func (o others) own(pid, session int) bool {
	return o.unknown || o.children[pid] || o.sessions[session]
}
