//go:build linux

package testscripts

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
)

// stage is the variable that tells the three lives of the test binary apart: the one go test starts, the init of the
// namespace, and the one that runs the tests.
const stage = "PIDBOX_TEST_STAGE"

var namespaced bool // set once, before any test runs

func inNamespace() bool { return namespaced }

// enterNamespace returns where the tests are to run: in a PID and mount namespace of their own if this may be had
// (root), else here. The namespace dies with its init, which dies with us.
func enterNamespace() {
	switch os.Getenv(stage) {
	case "run":
		os.Unsetenv(stage)
		namespaced = true
		return
	case "init":
		os.Exit(initOfNamespace())
	}
	if os.Geteuid() != 0 {
		return
	}
	runtime.LockOSThread() // the death signal follows the thread that forked
	cmd := again("init")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		if errors.Is(err, syscall.EPERM) { // root without CAP_SYS_ADMIN
			fmt.Fprintln(os.Stderr, "no PID namespace to be had:", err)
			return
		}
		fail(err)
	}
	passOn(cmd.Process)
	err := cmd.Wait()
	if state := cmd.ProcessState; state != nil && state.ExitCode() >= 0 {
		os.Exit(state.ExitCode())
	}
	fail(err)
}

// initOfNamespace starts the tests, reaps every orphan at once, and returns the tests' status.
func initOfNamespace() int {
	for _, err := range []error{
		syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
		syscall.Mount("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""),
	} {
		if err != nil {
			fail(err)
		}
	}
	cmd := again("run")
	if err := cmd.Start(); err != nil {
		fail(err)
	}
	passOn(cmd.Process)
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			fail(err)
		case pid == cmd.Process.Pid && ws.Signaled():
			return 128 + int(ws.Signal())
		case pid == cmd.Process.Pid:
			return ws.ExitStatus()
		}
	}
}

func again(next string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		fail(err)
	}
	return &exec.Cmd{
		Path: exe, Args: os.Args, Env: append(os.Environ(), stage+"="+next),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}
}

// passOn hands the signals with which go test and people end tests to the process that can report on them.
func passOn(p *os.Process) {
	c := make(chan os.Signal, 8)
	signal.Notify(c, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	go func() {
		for s := range c {
			p.Signal(s)
		}
	}()
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "testscripts:", err)
	os.Exit(1)
}
