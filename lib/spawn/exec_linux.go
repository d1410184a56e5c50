package spawn

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"pidbox/lib/fork"
)

// Exec replaces this process by cmd: same PID, parent, session and descriptors, so those of cmd and its standard ones
// are not looked at. It returns only on failure, and then this process may have lost privileges: report and exit. Signals
// that were ignored at this process's start stay so only for HUP and INT (all that nohup(1) needs), and for QUIT as
// signals.QuitAsUsual has it; the Go runtime has put handlers in the place of others, and they become the default.
func Exec(cmd Command) error {
	p := newPlan(cmd)
	if err := p.properties(); err != nil {
		return err
	}
	if cmd.OOMScoreAdj != nil {
		score := strconv.Itoa(*cmd.OOMScoreAdj)
		if err := os.WriteFile("/proc/self/oom_score_adj", []byte(score), 0); err != nil {
			return &StepError{"set oom_score_adj " + score, errors.Unwrap(err)}
		}
	}
	for _, f := range cmd.Keep {
		if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFD, 0); err != nil {
			return &StepError{"keep a descriptor open", err}
		}
	}
	runtime.LockOSThread() // credentials belong to a thread, and the one that execs becomes the process; never unlocked
	for _, c := range p.Calls {
		_, _, errno := syscall.RawSyscall6(c.Number, c.Args[0], c.Args[1], c.Args[2], c.Args[3], c.Args[4], 0)
		if errno != 0 && c.How == fork.Must {
			return p.failure(fork.Message{Step: c.Step, Errno: int32(errno)})
		}
	}
	runtime.KeepAlive(p)
	env := cmd.Env
	if cmd.PIDVar != "" {
		env = MergeEnv(env, []string{cmd.PIDVar + "=" + strconv.Itoa(os.Getpid())})
	}
	err := syscall.Exec(cmd.Path, cmd.Args, env)
	runtime.KeepAlive(cmd.Keep)
	if errno, ok := err.(syscall.Errno); ok {
		return explain(cmd, errno)
	}
	return err
}
