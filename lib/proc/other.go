//go:build !linux

package proc

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

var errNoProc = errors.New("not known on this system")

func open(pid int) (link, error) { return openBare(pid) }

func currentBoot() string { return "" }

func currentNamespace() uint64 { return 0 }

func numbers() ([]int, error) { return nil, errNoProc }

func statOf(int) (stat, error) { return stat{}, errNoProc }

func fileAt(string) (fileID, bool) { return fileID{}, false }

func reopen(Identity) (link, error) { return nil, errors.ErrUnsupported }

// BootTime is when the system started, on today's wall clock: a clock stepped since moves it. Zero where not known.
func BootTime() time.Time { return time.Time{} }

func childEnded(int) bool { return false }

func threadState(int) State { return 0 }

func check(pid int) error { return unix.Kill(pid, 0) }
