package daemon

import "golang.org/x/sys/unix"

// dirFlags open a directory to stand on; reading it is not needed for that.
const dirFlags = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
