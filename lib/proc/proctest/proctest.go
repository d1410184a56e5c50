// Package proctest makes processes for tests: each is ready when the function returns, and ends with the test.
package proctest

import "testing"

// Process is a child of the test.
type Process struct{ PID int }

// Sleeper is a process that does nothing, named cat.
func Sleeper(t testing.TB) *Process { t.Helper(); t.Skip("not built yet"); return nil }

// Stubborn is a process that ignores HUP, INT and TERM.
func Stubborn(t testing.TB) *Process { t.Helper(); t.Skip("not built yet"); return nil }

// Zombie is a process that has ended and is not reaped before the test ends.
func Zombie(t testing.TB) *Process { t.Helper(); t.Skip("not built yet"); return nil }

// ThreadID is the id of a thread that is not a process's first.
func ThreadID(t testing.TB) int { t.Helper(); t.Skip("not built yet"); return 0 }

// Dead is a number that no process has: that of a child which has ended and been reaped. Nothing stops the kernel from
// using it again, which it does after all others.
func Dead(t testing.TB) int { t.Helper(); t.Skip("not built yet"); return 0 }

// Reuse is a Sleeper with the given number, which must be free. Only within InNamespace.
func Reuse(t testing.TB, pid int) *Process { t.Helper(); t.Skip("not built yet"); return nil }

// InNamespace runs the calling test again as another process in a PID and mount namespace of its own with its own
// /proc, and reports false when that run is over: the caller returns. Inside it reports true. Skips unless root.
func InNamespace(t *testing.T) bool { t.Helper(); t.Skip("not built yet"); return false }

// Kill ends the process and reaps it.
func (p *Process) Kill() {}

// Reap waits for the process to end and reaps it.
func (p *Process) Reap() {}
