//go:build !pidbox_procdir

package child

// pidfds says that a process is held by one, as it is unless a build tag forbids that.
const pidfds = true
