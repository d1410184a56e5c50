//go:build !mips && !mipsle

package fork

// SetSize is that of a set of signals: there are 64 of them.
const SetSize = 8

const handlerAt = 0
