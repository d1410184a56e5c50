package spawn

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Rehearse finds what would keep cmd from being executed, as far as a look can tell: the error is that of the exec. What
// only the rights of another user show is an *UntoldError; what only the kernel knows of a file, it does not find.
func Rehearse(cmd Command) error {
	if u := cmd.User; u != nil && !u.isCaller() && !mayBecome() {
		return &StepError{"become the user " + u.Name, unix.EPERM}
	}
	if cmd.Dir != "" {
		info, err := os.Stat(cmd.Dir)
		errno, known := underlying(err)
		switch {
		case err == nil && !info.IsDir():
			errno = unix.ENOTDIR
		case err == nil:
		case cmd.User.MayReach(errno):
			return &UntoldError{"enter the directory " + cmd.Dir, cmd.User.Name}
		case !known:
			return fmt.Errorf("the directory %s: %w", cmd.Dir, err)
		}
		if errno != 0 {
			return &StepError{"change to the directory " + cmd.Dir, errno}
		}
	}
	if err := executable(cmd.Path); err != nil {
		if err.Reason == "" && cmd.User.MayReach(err.Errno) {
			return &UntoldError{"execute " + cmd.Path, cmd.User.Name}
		}
		return err
	}
	if i := interpreter(cmd.Path); i != "" {
		if _, err := os.Stat(i); err != nil {
			errno, _ := underlying(err)
			if cmd.User.MayReach(errno) {
				return &UntoldError{"execute " + i, cmd.User.Name}
			}
			return explain(cmd, errno)
		}
	}
	return nil
}

// mayBecome says whether this process may change its users and groups.
func mayBecome() bool { return holds(unix.CAP_SETUID, unix.CAP_SETGID) }

// holds says whether all of these capabilities are effective.
func holds(capabilities ...int) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return os.Geteuid() == 0
	}
	for _, c := range capabilities {
		if data[c/32].Effective&(1<<(c%32)) == 0 {
			return false
		}
	}
	return true
}
