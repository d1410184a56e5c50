//go:build pidbox_procdir

package proc

const forced = "procdir"
