//go:build linux

// Package lab is what the measuring programs share: PID and mount namespaces that end with them, processes to work on,
// and where the tools are. A program calls Enter first thing in its main.
package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// The environment tells a copy of the program what it is to be.
const (
	roleVar    = "PIDBOX_LAB"
	roleInit   = "init"
	roleWorker = "worker"
)

// Killed says that the work was ended by a signal from inside its namespace.
var Killed = errors.New("everything in reach was killed, the judge too")

// Enter does not return in a copy of the program that is a fixture or the init of a namespace. It reports whether this
// is the copy that Isolated asked for.
func Enter() bool {
	switch role := os.Getenv(roleVar); role {
	case "":
		return false
	case roleWorker:
		os.Unsetenv(roleVar)
		return true
	case roleInit:
		if os.Getpid() != 1 {
			fmt.Fprintln(os.Stderr, "lab: not the first process of a namespace")
			os.Exit(125)
		}
		os.Exit(initMain())
	default:
		fixtureMain(role)
	}
	return false
}

// Isolated runs this program again, with those arguments, as a child of the init of new PID and mount namespaces, in a
// session of its own: a tool that signals its process group reaches nobody else. All that it started ends with it.
// Standard error is passed on when errs is set, and else part of the error.
func Isolated(ctx context.Context, errs bool, args ...string) (out string, err error) {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), roleVar+"="+roleInit)
	runtime.LockOSThread() // the death signal follows the thread that forked
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Setsid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 10 * time.Second
	var text, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &said
	if errs {
		cmd.Stderr = os.Stderr
	}
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == statusKilled:
		err = Killed
	case err != nil:
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	return text.String(), err
}

// statusKilled is the init's when its worker was killed.
const statusKilled = 99

// initMain reaps at once, as an init does; its end is the namespace's.
func initMain() int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 125
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fail(err)
	}
	for _, m := range []struct{ kind, target, data string }{{"proc", "/proc", ""}, {"tmpfs", "/run", "mode=755"}} {
		if err := syscall.Mount(m.kind, m.target, m.kind, 0, m.data); err != nil {
			return fail(fmt.Errorf("mount %s: %w", m.target, err))
		}
	}
	worker := exec.Command("/proc/self/exe", os.Args[1:]...)
	worker.Env = append(os.Environ(), roleVar+"="+roleWorker)
	worker.Stdout, worker.Stderr = os.Stdout, os.Stderr
	if err := worker.Start(); err != nil {
		return fail(err)
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return fail(err)
		case pid == worker.Process.Pid && status.Signaled():
			return statusKilled
		case pid == worker.Process.Pid:
			return status.ExitStatus()
		}
	}
}

// Install links the applets into dir and is that directory.
func Install(pidbox, dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	out, err := exec.Command(pidbox, "--install", dir).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s --install: %w: %s", pidbox, err, out)
	}
	return dir, nil
}
