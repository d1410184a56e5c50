//go:build linux

package testscripts

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// killat [-child] N COMMAND [ARG...]: runs COMMAND and kills it by SIGKILL at its Nth system call, in whichever thread, or
// with -child the first process that it forks. It exits with 0 if that was so, with 1 if there were fewer calls, and
// leaves the others alone.
func killat() {
	child := flag.Bool("child", false, "")
	flag.Parse()
	n, err := strconv.Atoi(flag.Arg(0))
	if err != nil {
		fail(err)
	}
	runtime.LockOSThread() // the tracer is a thread
	cmd := exec.Command(flag.Arg(1), flag.Args()[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		fail(err)
	}
	t := tracer{main: cmd.Process.Pid, count: n, forks: *child}
	if !*child {
		t.victim = t.main
	}
	os.Exit(t.run())
}

type tracer struct {
	main   int
	victim int  // whose calls count; 0 while it is not forked
	forks  bool // wait for that
	count  int  // of calls that it may still make
	twice  map[int]bool
	struck bool // the victim was killed at its call
}

// status is 0 if the victim made as many calls.
func (t *tracer) status() int {
	if t.struck {
		return 0
	}
	return 1
}

func (t *tracer) run() int {
	options := unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE
	if t.forks {
		options |= unix.PTRACE_O_TRACEFORK
	}
	t.twice = map[int]bool{}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(t.main, &status, syscall.WALL, nil); err != nil { // its execve
		fail(err)
	}
	if err := syscall.PtraceSetOptions(t.main, options); err != nil {
		fail(err)
	}
	t.goOn(t.main, 0)
	for {
		thread, err := syscall.Wait4(-1, &status, syscall.WALL, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return t.status() // all have ended
		case !status.Stopped() && thread == t.victim:
			if t.struck = t.count <= 0; !t.forks {
				return t.status()
			}
		case !status.Stopped() && thread == t.main: // not before: a child that was just forked stops for us
			return t.status()
		case status.Stopped():
			t.stopped(thread, status)
		}
	}
}

func (t *tracer) stopped(thread int, status syscall.WaitStatus) {
	switch sig := status.StopSignal(); {
	case sig == syscall.SIGTRAP|0x80:
		t.twice[thread] = !t.twice[thread]
		if t.twice[thread] && group(thread) == t.victim { // at the entry
			if t.count--; t.count == 0 {
				syscall.Kill(t.victim, syscall.SIGKILL)
				return
			}
		}
		t.goOn(thread, 0)
	case sig == syscall.SIGTRAP:
		if status.TrapCause() == unix.PTRACE_EVENT_FORK && t.victim == 0 {
			if pid, err := syscall.PtraceGetEventMsg(thread); err == nil {
				t.victim = int(pid)
			}
		}
		t.goOn(thread, 0)
	case sig == syscall.SIGSTOP && !t.twice[-thread]: // the first one of a new thread or process
		t.twice[-thread] = true
		if t.forks && t.victim != 0 && group(thread) != t.victim && group(thread) != t.main {
			_ = syscall.PtraceDetach(thread)
			return
		}
		t.goOn(thread, 0)
	default:
		t.goOn(thread, int(sig))
	}
}

func (t *tracer) goOn(thread, sig int) {
	if err := syscall.PtraceSyscall(thread, sig); err != nil && err != syscall.ESRCH {
		fail(fmt.Errorf("go on with %d: %w", thread, err))
	}
}

// group is the process of a thread, 0 for one that is gone.
func group(thread int) int {
	text, _ := fieldOf(fmt.Sprintf("/proc/%d/status", thread), "Tgid:")
	tgid, _ := strconv.Atoi(text)
	return tgid
}
