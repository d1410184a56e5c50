//go:build !linux

package pidfile

import "golang.org/x/sys/unix"

const dirFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC

func renameNew(int, string, string) error { return unix.ENOSYS }
