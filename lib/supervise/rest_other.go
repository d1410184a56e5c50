//go:build !linux

package supervise

func onOneProcessor() {}

func unmapProgram() {}
