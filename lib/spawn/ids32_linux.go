//go:build 386 || arm

package spawn

import "golang.org/x/sys/unix"

// The system calls that become a user. Those with the plain names take ids of 16 bits here: 65536 would be root, and a list
// of groups be read as one of twice as many halves.
const (
	setgroups = unix.SYS_SETGROUPS32
	setresgid = unix.SYS_SETRESGID32
	setresuid = unix.SYS_SETRESUID32
)
