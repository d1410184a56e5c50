package pidfile

import (
	"fmt"
	"slices"
	"strings"

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
	switch list := bindings(h); {
	case len(list) == 0:
		return unbound
	case slices.Contains(list, boundTo(p)):
		return boundHere
	case renumbers(p): // it may be here
		return unbound
	}
	return boundElsewhere
}

// bindings are those of a process, the oldest first: it may have several pidfiles.
func bindings(h *proc.Handle) []string {
	value, ok := h.Bound()
	if !ok || value == "" {
		return nil
	}
	return strings.Split(value, betweenBindings)
}

const (
	betweenBindings = "\x00" // which no name has
	mostBindings    = 8      // the oldest give way
)

// bindTo adds the pidfile at p to those of the process.
func bindTo(h *proc.Handle, p *resolve.Place) error {
	list, here := bindings(h), boundTo(p)
	if slices.Contains(list, here) {
		return nil
	}
	list = append(list, here)
	return h.Bind(strings.Join(list[max(0, len(list)-mostBindings):], betweenBindings))
}

// unbindFrom takes it off again. The process may have exited.
func unbindFrom(h *proc.Handle, p *resolve.Place) {
	here := boundTo(p)
	list := slices.DeleteFunc(bindings(h), func(b string) bool { return b == here })
	_ = h.Bind(strings.Join(list, betweenBindings))
}

func boundTo(p *resolve.Place) string {
	dev, ino := p.DirID()
	return fmt.Sprintf("%d:%d:%d/%s", dev, ino, p.Born(), p.Name)
}
