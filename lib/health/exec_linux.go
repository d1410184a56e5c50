package health

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// waitAndClear kills what the command left in its group before it reaps the command itself: until then nobody
// else can have its number, which is the group's. After endKill nobody else kills the group either.
func waitAndClear(cmd *exec.Cmd, endKill func()) error {
	pid := cmd.Process.Pid
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		continue
	}
	endKill()
	killGroup(pid) // ESRCH: nothing was left
	return cmd.Wait()
}

func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }
