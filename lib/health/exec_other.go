//go:build !linux

package health

import (
	"os/exec"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// waitAndClear kills what the command left in its group. A group of that number made since the command was reaped
// would be hit; package syscall has no waitid(2) that leaves the zombie.
func waitAndClear(cmd *exec.Cmd, endKill func()) error {
	err := cmd.Wait()
	endKill()
	killGroup(cmd.Process.Pid) // ESRCH: nothing was left
	return err
}

func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }
