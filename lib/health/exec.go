package health

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// Exec is the check that runs argv, looked up by spawn.LookPath now, and is healthy when that exits with 0. Each run has a
// process group of its own, which is killed when the command has ended or its time is up; what has left the group
// (setsid) is not found.
func Exec(argv []string) (Check, error) {
	if len(argv) == 0 {
		return nil, errors.New("no command to run")
	}
	path, err := spawn.LookPath(argv[0], os.Getenv("PATH"), "")
	if err != nil {
		return nil, err
	}
	return &execCheck{path: path, argv: argv}, nil
}

type execCheck struct {
	path string
	argv []string
}

// String names the program alone: its arguments may be secret, and are long.
func (c *execCheck) String() string { return "exec:" + filepath.Base(c.path) }

func (c *execCheck) Check(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	began, out := time.Now(), &tail{}
	cmd := &exec.Cmd{Path: c.path, Args: c.argv}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = ownGroup()
	cmd.WaitDelay = 100 * time.Millisecond // for the output of what left the group

	// The parent whose death kills the command (PR_SET_PDEATHSIG) is this thread, not the process: prctl(2).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return plainNet(err)
	}
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		killGroup(cmd.Process.Pid) // ESRCH: it has just ended
		close(killed)
	})
	err := waitAndClear(cmd, func() {
		if !stop() {
			<-killed
		}
	})
	switch {
	case ctx.Err() != nil:
		return &plainError{"no answer in " + brief(time.Since(began)), ctx.Err()}
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
		return nil
	}
	return &plainError{sayExit(cmd.ProcessState.Sys(), err) + out.lastLine(), err}
}

func sayExit(state any, err error) string {
	if s, ok := state.(syscall.WaitStatus); ok && s.Signaled() {
		return "killed by signal " + signals.Name(s.Signal())
	}
	return err.Error()
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex // os/exec may still be copying after ErrWaitDelay
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	const enough = 4 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if extra := len(t.text) - enough; extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(p), nil
}

func (t *tail) lastLine() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := strings.TrimSpace(string(t.text))
	return quoteLine(s[strings.LastIndexByte(s, '\n')+1:])
}
