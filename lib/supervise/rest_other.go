//go:build !linux

package supervise

func unmapProgram() {}
