//go:build pidbox_bare && !pidbox_procdir

package proc

const forced = "bare"
