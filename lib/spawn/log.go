package spawn

import (
	"os"

	"pidbox/lib/resolve"
)

// OpenLog is resolve.OpenLog for a command that runs as user, who owns a log that is made; nil is the caller.
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
