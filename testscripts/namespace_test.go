//go:build linux

package testscripts

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// stage is the variable that tells the three lives of the test binary apart: the one go test starts, the init of the
// namespace, and the one that runs the tests.
const stage = "PIDBOX_TEST_STAGE"

var namespaced bool // set once, before any test runs

func inNamespace() bool { return namespaced }

// apart is what the tests have for themselves: numbers of processes, mounts, and the ports of the loopback.
const apart = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET

// enterNamespace returns where the tests are to run: in namespaces of their own if these may be had (root), else here.
// They die with their init, which dies with us.
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
	cmd := again("init", os.Args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: apart, Pdeathsig: syscall.SIGKILL}
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
		loopbackUp(),
	} {
		if err != nil {
			fail(err)
		}
	}
	cmd := again("run", os.Args[1:]...)
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

// alone runs the test that calls it, while others go on, in further namespaces where no other test forks: it may reuse
// numbers as it likes. It returns true there, and false where the test has been run and is to return.
func alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(single) == t.Name() {
		return true
	}
	if !inNamespace() {
		t.Skip("needs a PID namespace of its own, and this root")
	}
	t.Parallel()
	cmd := again("init", "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(cmd.Env, single+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: apart}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	t.Log(out.String())
	switch {
	case err != nil:
		t.Fatal(err)
	case strings.Contains(out.String(), "--- SKIP: "+t.Name()+" "):
		t.Skip()
	}
	return false
}

// single is the variable that names the one test to be run in a namespace of its own.
const single = "PIDBOX_TEST_ALONE"

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

func again(next string, args ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		fail(err)
	}
	return &exec.Cmd{
		Path: exe, Args: append(os.Args[:1:1], args...), Env: append(os.Environ(), stage+"="+next),
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
