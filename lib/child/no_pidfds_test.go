//go:build pidbox_procdir

package child

const pidfds = false
