//go:build !linux

package health

import (
	"os/exec"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// waitAndClear leaves what the command left in its group: package syscall has no waitid(2) that leaves the zombie, and
// without one the group's number may be another's.
func waitAndClear(cmd *exec.Cmd, endKill func()) error {
	defer endKill()
	return cmd.Wait()
}

func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }
