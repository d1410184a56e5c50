package proc

import (
	"errors"
	"fmt"
)

// Inode is the number of the process in pidfs, which no other process of this boot has: PID:INODE is how util-linux spells
// an identity. It fails with errors.ErrUnsupported where the kernel has none (Linux 6.9 has).
func (h *Handle) Inode() (uint64, error) {
	if err := h.usable(); err != nil {
		return 0, err
	}
	if p, is := h.link.(interface{ inode() uint64 }); is {
		if inode := p.inode(); inode != 0 {
			return inode, nil
		}
	}
	return 0, h.wrap(fmt.Errorf("%w: the kernel has no inode for it (Linux 6.9 has)", errors.ErrUnsupported))
}

// OpenInode is Open for a process that must have that inode; 0 is for any. ErrNotFound says that the PID is another's by now.
func OpenInode(pid int, inode uint64) (*Handle, error) {
	h, err := Open(pid)
	if err != nil || inode == 0 {
		return h, err
	}
	now, err := h.Inode()
	if err == nil && now != inode {
		err = fmt.Errorf("process %d: %w with inode %d: another one has its PID", pid, ErrNotFound, inode)
	}
	if err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}
