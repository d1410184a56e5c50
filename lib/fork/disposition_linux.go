package fork

// Disposition is what is done about a signal, as the kernel has it: struct sigaction of rt_sigaction(2), whose set of signals
// is of SetSize bytes.
type Disposition [16]uintptr

// Handled is by handler, which may be SIG_DFL or SIG_IGN; all else is zero.
func Handled(handler uintptr) (d Disposition) {
	d[handlerAt] = handler
	return d
}

// Handler is that of a disposition.
func (d *Disposition) Handler() uintptr { return d[handlerAt] }
