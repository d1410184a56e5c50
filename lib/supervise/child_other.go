//go:build !linux

package supervise

// zombiesAreSeen is false where a process number is all there is: what a dead child left of its group is not found.
const zombiesAreSeen = false
