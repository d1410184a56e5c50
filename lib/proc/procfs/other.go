//go:build !linux

package procfs

import (
	"errors"
	"time"
)

// ErrNone says that there is no /proc of the caller's PID namespace.
var ErrNone = errors.New("not known on this system")

// StatOf is for Linux.
func StatOf(int) (Stat, error) { return Stat{}, ErrNone }

// Numbers is for Linux.
func Numbers() ([]int, error) { return nil, ErrNone }

// ThreadState is for Linux.
func ThreadState(int) State { return 0 }

// BootID is for Linux.
func BootID() string { return "" }

// Namespace is for Linux.
func Namespace() uint64 { return 0 }

// Arguments is for Linux.
func Arguments(int, int) string { return "" }

// BootTime is for Linux.
func BootTime() time.Time { return time.Time{} }
