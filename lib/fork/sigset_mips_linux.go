//go:build mips || mipsle

package fork

// SetSize is that of a set of signals: there are 128 of them.
const SetSize = 16

const handlerAt = 1 // behind the flags
