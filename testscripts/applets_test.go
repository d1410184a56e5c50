//go:build linux

package testscripts

// pidbox is the program under test: what main calls.
func pidbox() int { return 127 }

func appletNames() []string { return nil }
