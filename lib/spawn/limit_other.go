//go:build !linux

package spawn

func resources() map[string]int { return nil }
