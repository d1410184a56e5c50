// Package lab is what tests and measuring programs share: namespaces that end with them, processes to work on, looks at
// /proc, and where the tools are. On other systems than Linux it has the plainest of the processes only.
//
// Each process is ready when the function returns, which it has said itself over a pipe. Those made with a testing.TB end
// with the test, also with one that is killed: then their standard input does.
package lab

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Process is a child of this program.
type Process struct {
	PID    int
	Number int // what a Fixture said: another thread's id, or its zombie's PID

	cmd  *exec.Cmd
	in   io.Writer
	out  *bufio.Reader
	once sync.Once
	gone chan struct{}
}

// Kill ends the process and reaps it. Again, it does nothing.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	p.Reap()
}

// Reap waits for the process to end and reaps it.
func (p *Process) Reap() {
	p.once.Do(func() {
		_ = p.cmd.Wait() // how it ended is the test's to look at before
		close(p.gone)
	})
}

// Gone is closed once the process is reaped.
func (p *Process) Gone() <-chan struct{} { return p.gone }

// Sleeper does nothing. Its name is cat; its group and session are the test's.
func Sleeper(t testing.TB) *Process {
	t.Helper()
	p := start(t, nil, "cat")
	p.echo(t)
	return p
}

// Program is a Sleeper by another path: a copy of, or a link to, cat.
func Program(t testing.TB, path string) *Process {
	t.Helper()
	p := start(t, nil, path)
	p.echo(t)
	return p
}

// Own is a Sleeper that leads a session and a group of its own.
func Own(t testing.TB) *Process {
	t.Helper()
	p := start(t, &syscall.SysProcAttr{Setsid: true}, "cat")
	p.echo(t)
	return p
}

// Stubborn is a Sleeper that ignores HUP, INT and TERM.
func Stubborn(t testing.TB) *Process {
	t.Helper()
	p := start(t, nil, "sh", "-c", `trap "" HUP INT TERM; exec cat`)
	p.echo(t) // cat answers: it was exec'ed, after the trap
	return p
}

// Leader is a shell that leads a session and a group, and the numbers of its children in both, which are named cat or
// sh still. The children outlive a leader that is killed, as init's, and end with the test.
func Leader(t testing.TB, workers int) (*Process, []int) {
	t.Helper()
	p := start(t, &syscall.SysProcAttr{Setsid: true}, "sh", "-c", `
		exec 3<&0
		i=0
		while [ "$i" -lt "$1" ]; do
			cat <&3 >/dev/null & echo "$!"
			i=$((i + 1))
		done
		echo ready
		read -r line <&3`, "sh", strconv.Itoa(workers))
	var pids []int
	for line := p.line(t); line != "ready"; line = p.line(t) {
		pid, err := strconv.Atoi(line)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return p, pids
}

// Dead is a number that no process has: that of a child which has ended and been reaped. The kernel gives it out
// again, after all others.
func Dead(t testing.TB) int {
	t.Helper()
	p := start(t, nil, "true")
	p.Reap()
	return p.PID
}

func start(t testing.TB, attr *syscall.SysProcAttr, name string, args ...string) *Process {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = attr
	theirs, in, err := os.Pipe() // StdinPipe would be closed with the process, and end its children
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	t.Cleanup(func() { in.Close() })
	cmd.Stdin = theirs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &Process{PID: cmd.Process.Pid, cmd: cmd, in: in, out: bufio.NewReader(out), gone: make(chan struct{})}
	t.Cleanup(p.Kill)
	return p
}

// echo waits until cat repeats a line.
func (p *Process) echo(t testing.TB) {
	t.Helper()
	if _, err := fmt.Fprintln(p.in, "ready?"); err != nil {
		t.Fatal(err)
	}
	if line := p.line(t); line != "ready?" {
		t.Fatalf("process %d says %q", p.PID, line)
	}
}

func (p *Process) line(t testing.TB) string {
	t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatalf("process %d does not come up: %v", p.PID, err)
	}
	return strings.TrimSuffix(line, "\n")
}
