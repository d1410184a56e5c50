//go:build linux

package testscripts

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pidbox/lib/signals"
)

// dies [-when FILE] SIG CMD [ARG]...: runs CMD, sends it SIG once FILE is there, and fails unless CMD dies of that signal.
// Without FILE it waits until CMD has given QUIT its default action, as an applet does that does not catch it.
func dies() {
	when := flag.String("when", "", "")
	flag.Parse()
	sig, err := signals.Parse(flag.Arg(0))
	if err != nil {
		fail(err)
	}
	cmd := exec.Command(flag.Arg(1), flag.Args()[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fail(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ready := func() bool { return quits(cmd.Process.Pid) }
	if *when != "" {
		ready = func() bool { _, err := os.Stat(*when); return err == nil }
	}
	for end := time.Now().Add(patience); !ready(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			cmd.Process.Kill()
			fail(errors.New("it does not get ready"))
		}
	}
	if err := cmd.Process.Signal(sig); err != nil {
		fail(err)
	}
	<-ended
	if got := cmd.ProcessState.Sys().(syscall.WaitStatus); !got.Signaled() || got.Signal() != sig {
		fail(fmt.Errorf("SIG%s: %v", signals.Name(sig), cmd.ProcessState))
	}
}

// quits says whether a Go program has a handler for URG, as all have, and none for QUIT: proc_pid_status(5), SigCgt.
func quits(pid int) bool {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, after, _ := strings.Cut(string(text), "\nSigCgt:")
	line, _, _ := strings.Cut(after, "\n")
	caught, _ := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	bit := func(s syscall.Signal) uint64 { return 1 << (s - 1) }
	return caught&bit(syscall.SIGURG) != 0 && caught&bit(syscall.SIGQUIT) == 0
}
