//go:build !pidbox_procdir && !pidbox_bare

package proc

// forced is the back end that a build tag demands, for tests of those that this kernel would not need.
const forced = ""
