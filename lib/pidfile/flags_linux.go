package pidfile

import "golang.org/x/sys/unix"

// dirFlags open a directory to stand on; reading it is not needed for that.
const dirFlags = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC

// renameNew gives a file a name that nothing has; EEXIST if something has it. Some file systems cannot.
func renameNew(dir int, from, to string) error {
	return unix.Renameat2(dir, from, dir, to, unix.RENAME_NOREPLACE)
}
