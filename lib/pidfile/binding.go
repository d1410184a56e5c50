package pidfile

import (
	"fmt"

	"pidbox/lib/proc"
	"pidbox/lib/resolve"
)

// binding is what the kernel keeps with a process: the pidfile that a privileged claim made for it, as DEV:INO:BORN/NAME.
// BORN is when its directory was made, for the number of one that was removed is soon another's. The owner of the file
// cannot forge it, and it survives bind mounts, and file systems that keep no attributes. Linux 6.18 has attributes on
// pidfds; elsewhere every process is unbound.
type binding int

const (
	unbound binding = iota
	boundHere
	boundElsewhere
)

// bindingOf says whether the process is bound to the pidfile at p.
func bindingOf(h *proc.Handle, p *resolve.Place) binding {
	value, ok := h.Bound()
	switch {
	case !ok || value == "":
		return unbound
	case value == boundTo(p):
		return boundHere
	}
	return boundElsewhere
}

func boundTo(p *resolve.Place) string {
	dev, ino := p.DirID()
	return fmt.Sprintf("%d:%d:%d/%s", dev, ino, p.Born(), p.Name)
}
