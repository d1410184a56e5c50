package child

import (
	"bufio"
	"os"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/testscripts/lab"
)

const blindVar = "PIDBOX_CHILD_BLIND"

// Without /proc there is the kernel's word on a group, and nothing else: a stop goes by it, to all of a group, of which a
// zombie is no member any more.
func TestWithoutProc(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	if !pidfds {
		t.Skip("is for pidfds")
	}
	if os.Getenv(blindVar) == "" {
		cmd := lab.Again("-test.run=^TestWithoutProc$") // with an init that collects what is killed
		cmd.Env = append(cmd.Env, blindVar+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	for unix.Unmount("/proc", unix.MNT_DETACH) == nil {
	}
	if exists("/proc/self") {
		t.Fatal("/proc is there still")
	}
	for _, scope := range []proc.Scope{proc.Group, proc.Tree} {
		c, member := withMember(t, scope, "exec sleep 300")
		told := 0
		if err := c.Stop(t.Context(), Kill(), func(signals.Step) { told++ }); err != nil {
			t.Fatal(scope, err)
		}
		if told != 1 {
			t.Errorf("%v: told of %d signals", scope, told)
		}
		endedBlind(t, member)
		c.Close() // or what the next one leaves comes to us
	}
	// The process ends by itself and leaves another of its group; or nobody.
	c, member := withMember(t, proc.Group, "exit 3")
	<-c.Done()
	try(t, c.Clear())
	endedBlind(t, member)
	if ending, err := c.Reap(); err != nil || ending.Code != 3 {
		t.Error(ending, err)
	}
	c, err := Start(t.Context(), shell("exit 0"), Spec{Session: true, Scope: proc.Group})
	try(t, err)
	defer c.Close()
	<-c.Done()
	try(t, c.Stop(t.Context(), Kill(), func(s signals.Step) { t.Errorf("signal %v to nobody", s) }))
}

// withMember starts a command with another process of its group, which stays.
func withMember(t *testing.T, scope proc.Scope, then string) (*Child, *proc.Handle) {
	t.Helper()
	r, w, err := os.Pipe()
	try(t, err)
	defer r.Close()
	cmd := shell("sleep 300 >/dev/null & echo $!; " + then)
	cmd.Stdout = w
	c, err := Start(t.Context(), cmd, Spec{Session: true, Scope: scope})
	w.Close()
	try(t, err)
	t.Cleanup(c.Close)
	line := bufio.NewScanner(r)
	line.Scan()
	pid, err := strconv.Atoi(line.Text())
	try(t, err)
	h, err := proc.Open(pid)
	try(t, err)
	t.Cleanup(func() { h.Close() })
	return c, h
}

func endedBlind(t *testing.T, h *proc.Handle) {
	t.Helper()
	defer func() { _ = h.Signal(syscall.SIGKILL) }()
	if err := ended(t, "the end of a member", do(func() error { return h.Wait(t.Context()) })); err != nil {
		t.Error(err)
	}
}
