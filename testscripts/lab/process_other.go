//go:build !linux

package lab

import "testing"

// Zombie is built on Linux only.
func Zombie(t testing.TB) *Process { t.Skip("needs Linux"); return nil }

// AwaitEnd is built on Linux only.
func AwaitEnd(t testing.TB, pid int) { t.Skip("needs Linux") }

// ThreadID is built on Linux only.
func ThreadID(t testing.TB) int { t.Skip("needs Linux"); return 0 }

// Reuse is built on Linux only.
func Reuse(t testing.TB, pid int) *Process { t.Skip("needs Linux"); return nil }

// InNamespace is built on Linux only.
func InNamespace(t *testing.T) bool { t.Skip("needs Linux"); return false }

// Enter is built on Linux only.
func Enter() bool { return false }
