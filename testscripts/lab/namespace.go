//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The environment tells a copy of the program what it is to be.
const (
	roleVar    = "PIDBOX_LAB"
	roleInit   = "init"
	roleRun    = "init with an empty /run"
	roleWorker = "worker"
)

// unready is the status of an init that could not make its world.
const unready = 125

// Killed says that the work was ended by a signal from inside its namespace.
var Killed = errors.New("everything in reach was killed, the judge too")

// Enter is called first thing in a main or TestMain. It does not return in a copy of the program that is a fixture or the
// init of a namespace. It reports whether this is the copy that runs inside.
func Enter() bool {
	switch role := os.Getenv(roleVar); role {
	case "":
		return false
	case roleWorker:
		os.Unsetenv(roleVar)
		return true
	case roleInit, roleRun:
		status, err := initMain(role == roleRun)
		if err != nil {
			fmt.Fprintln(os.Stderr, "lab:", err)
			status = unready
		}
		os.Exit(status)
	default:
		fixtureMain(role)
	}
	return false
}

// Again is this program once more, with other arguments, as a child of the init of new namespaces: what it has for itself
// are PIDs, mounts, /proc and the ports of the loopback. Its status is the command's, 128+n for its death by a signal. All
// that it started ends with it, and it with the thread that starts it. Its streams are to be set.
func Again(args ...string) *exec.Cmd { return again(roleInit, args) }

func again(role string, args []string) *exec.Cmd {
	return &exec.Cmd{
		Path: "/proc/self/exe", Args: append(os.Args[:1:1], args...), Env: append(os.Environ(), roleVar+"="+role),
		SysProcAttr: &syscall.SysProcAttr{
			Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL,
		},
	}
}

// Run runs what Again has made, and passes on to it the signals by which go test and people end programs.
func Run(cmd *exec.Cmd) error {
	runtime.LockOSThread() // the death signal follows the thread that forked
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return err
	}
	defer passOn(cmd.Process)()
	return cmd.Wait()
}

func passOn(p *os.Process) (end func()) {
	c := make(chan os.Signal, 8)
	signal.Notify(c, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	go func() {
		for s := range c {
			p.Signal(s)
		}
	}()
	return func() { signal.Stop(c); close(c) }
}

// Isolated is Again in a session of its own, so that a tool that signals its process group reaches nobody else, and with an
// empty /run. Standard error is passed on when errs is set, and else part of the error.
func Isolated(ctx context.Context, errs bool, args ...string) (out string, err error) {
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	made := again(roleRun, args)
	cmd.Args, cmd.Env, cmd.SysProcAttr = made.Args, made.Env, made.SysProcAttr
	cmd.SysProcAttr.Setsid = true
	cmd.WaitDelay = 10 * time.Second
	var text, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &said
	if errs {
		cmd.Stderr = os.Stderr
	}
	runtime.LockOSThread() // the death signal follows the thread that forked
	defer runtime.UnlockOSThread()
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case cmd.ProcessState != nil && cmd.ProcessState.ExitCode() > 128:
		err = Killed
	case err != nil:
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	return text.String(), err
}

// initMain reaps at once, as an init does; its end is the namespace's.
func initMain(emptyRun bool) (int, error) {
	if os.Getpid() != 1 {
		return 0, errors.New("not the first process of a namespace")
	}
	if err := world(emptyRun); err != nil {
		return 0, err
	}
	worker := exec.Command("/proc/self/exe")
	worker.Args, worker.Env = os.Args, append(os.Environ(), roleVar+"="+roleWorker)
	worker.Stdin, worker.Stdout, worker.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := worker.Start(); err != nil {
		return 0, err
	}
	defer passOn(worker.Process)()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, err
		case pid == worker.Process.Pid && status.Signaled():
			return 128 + int(status.Signal()), nil
		case pid == worker.Process.Pid:
			return status.ExitStatus(), nil
		}
	}
}

func world(emptyRun bool) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if emptyRun {
		if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("mount /run: %w", err)
		}
	}
	return loopbackUp()
}

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
