package pidfile

import (
	"io/fs"

	"pidbox/lib/cgroup"
	"pidbox/lib/proc"
)

// ownGroup is the control group that the record names for its process, zero for none, with who in it may be signalled on
// that word. A record is the word of all who can write to the file, also where the kernel has the process bound to that.
func (h *Holder) ownGroup() (proc.Cgroup, proc.Allow) {
	if h.Recorded == nil || h.State == Foreign {
		return proc.Cgroup{}, nil
	}
	if h.rules.AllowInsecure {
		return h.record.Cgroup, nil
	}
	return h.record.Cgroup, h.allow(append(h.placed(), h.seen.word...))
}

// Grouped says that the record names a control group of the process's own.
func (h *Holder) Grouped() bool {
	mark, _ := h.ownGroup()
	return mark.ID != 0
}

// Members are the process, if it lives, and what is in its own control group: fs.ErrNotExist if there is no such group, or
// not any more. All of them may be signalled where the pidfile is the word of root or of the caller, else those that the
// others who could have written it could have signalled themselves.
func (h *Holder) Members() (*cgroup.Members, error) {
	mark, allow := h.ownGroup()
	if mark.ID == 0 {
		return nil, fs.ErrNotExist
	}
	g, err := cgroup.Reopen(*h.Recorded, mark)
	if err != nil {
		return nil, err
	}
	return g.Members(h.PID, h.Process, allow), nil
}

// sweep removes the control group that the record names, if nothing is left in it.
func (h *Holder) sweep() {
	if mark, allow := h.ownGroup(); mark.ID != 0 {
		cgroup.Sweep(*h.Recorded, mark, allow)
	}
}
