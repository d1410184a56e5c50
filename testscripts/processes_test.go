//go:build linux

package testscripts

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"pidbox/testscripts/lab"
)

// signal SIG PID: sends a signal to a number or to what a pidfile names.
func sendSignal(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "signal name pid")
	sig := unix.SignalNum("SIG" + args[0])
	if sig == 0 {
		ts.Fatalf("no signal %s", args[0])
	}
	pid, err := pidOf(ts, args[1])
	ts.Check(err)
	ts.Check(syscall.Kill(pid, sig))
}

// pidvar NAME PIDFILE: sets $NAME to the number in the file.
func pidvar(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "pidvar name pidfile")
	pid, err := pidOf(ts, args[1])
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(pid))
}

// stalepid NAME: sets $NAME to the PID of a process that has ended.
func stalepid(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 1, "stalepid name")
	cmd := exec.Command("true")
	ts.Check(cmd.Run())
	ts.Setenv(args[0], strconv.Itoa(cmd.Process.Pid))
}

// reuse PID [COMMAND...]: starts COMMAND (a sleeper) as a process with exactly this number, in the background.
func reuse(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 1, "reuse pid [command...]")
	if !inNamespace() || !isReuse(ts.Name()+".txtar") {
		ts.Fatalf("reuse is for scripts named *_reuse in a PID namespace of their own")
	}
	pid, err := pidOf(ts, args[0])
	ts.Check(err)
	command := args[1:]
	if len(command) == 0 {
		command = []string{"sleeper"}
	}
	cmd, err := startAs(pid, func() *exec.Cmd {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Dir, cmd.Env = ts.MkAbs("."), of(ts).env
		return cmd
	})
	ts.Check(err)
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	ts.Defer(func() { cmd.Process.Kill(); <-ended })
}

// startAs starts a command as a process with exactly this number.
func startAs(pid int, command func() *exec.Cmd) (cmd *exec.Cmd, err error) {
	err = lab.Force(pid, func() (int, error) {
		cmd = command()
		if err := cmd.Start(); err != nil {
			return 0, err
		}
		return cmd.Process.Pid, nil
	}, func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd, err
}

// httpd NAME STATUS...: serves the statuses one after another, then the last for ever; $NAME is the URL. A status may
// carry a body, as in 200:ready, or the way on, as in 302:/ready.
func httpd(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "httpd name status...")
	var served atomic.Int64
	answers := args[1:]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := min(int(served.Add(1)), len(answers)) - 1
		code, body, _ := strings.Cut(answers[i], ":")
		n, _ := strconv.Atoi(code)
		if n/100 == 3 {
			w.Header().Set("Location", body)
		}
		w.WriteHeader(n)
		fmt.Fprint(w, body)
	}))
	ts.Defer(server.Close)
	ts.Setenv(args[0], server.URL)
}
