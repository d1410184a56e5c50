package spawn

import (
	"os"

	"pidbox/lib/resolve"
)

// OpenLog is resolve.OpenLog for a command of this user: a log that is made belongs to the user, who may want to open it
// again by its name. A nil user is the caller.
func (u *User) OpenLog(path string, truncate bool, policy resolve.Policy) (*os.File, error) {
	f, made, err := resolve.OpenLog(path, truncate, policy)
	if err != nil || !made || u == nil || u.UID == os.Geteuid() {
		return f, err
	}
	if err := f.Chown(u.UID, u.GID); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
