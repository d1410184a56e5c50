//go:build !386 && !arm

package spawn

import "golang.org/x/sys/unix"

// The system calls that become a user.
const (
	setgroups = unix.SYS_SETGROUPS
	setresgid = unix.SYS_SETRESGID
	setresuid = unix.SYS_SETRESUID
)
