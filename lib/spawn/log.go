package spawn

import (
	"os"

	"pidbox/lib/resolve"
)

// DirectoryMode is that of directories that are made for a log, as for a pidfile, less the umask: see resolve.Policy.
const DirectoryMode = 0o755

// OpenLog is resolve.OpenLog for a command that runs as user, who owns a log that is made, but not the directories that
// are made for it; nil is the caller.
func OpenLog(path string, truncate bool, user *User, policy resolve.Policy) (*os.File, error) {
	f, made, err := resolve.OpenLog(path, truncate, policy)
	if err != nil || !made || user == nil || user.UID == os.Geteuid() {
		return f, err
	}
	if err := f.Chown(user.UID, user.GID); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
