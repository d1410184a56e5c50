package fork

// Disposition is what is done about a signal, as the kernel has it: struct sigaction of rt_sigaction(2), whose set of signals
// is of SetSize bytes.
type Disposition [16]uintptr

// Default and Ignored are the handlers SIG_DFL and SIG_IGN: signal(7).
const Default, Ignored = 0, 1

// Handled is by handler, which may be one of those; all else is zero.
func Handled(handler uintptr) (d Disposition) {
	d[handlerAt] = handler
	return d
}

// Handler is that of a disposition.
func (d *Disposition) Handler() uintptr { return d[handlerAt] }
