//go:build !linux

package pidfile

import "golang.org/x/sys/unix"

func lockHolders(*unix.Stat_t) []lockHolder { return nil }
