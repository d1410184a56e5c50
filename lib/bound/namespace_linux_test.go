package bound

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/child"
)

// Where the kernel binds a process to a descriptor (Linux 7.1), the first process of a namespace is killed when that is closed,
// also if it is stopped, and leaves no zombie. Elsewhere the flags are refused, and the process is a child like others.
func TestInitIsBoundToADescriptor(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	n := &namespace{keeping: keeping{orphans: child.AdoptOrphans()}}
	before := pidfds(t)
	h, err := n.start(true)
	if err != nil {
		if h, err = n.start(false); err != nil {
			t.Skip(err)
		}
		defer h.Close()
		if err := h.Signal(unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if pid, err := unix.Wait4(h.PID(), nil, 0, nil); pid != h.PID() {
			t.Errorf("without those flags it is a child like others: %v", err)
		}
		t.Log("this kernel binds no process to a descriptor")
		return
	}
	defer h.Close()
	if err := h.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	closed := false
	for fd := range pidfds(t) {
		if !before[fd] && fd != h.FD() {
			unix.Close(fd)
			closed = true
		}
	}
	limited, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := h.Wait(limited); err != nil || !closed {
		t.Errorf("the descriptor is closed (%v), and it lives: %v", closed, err)
	}
	if pid, err := unix.Wait4(h.PID(), nil, unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("it is a zombie of ours: %d, %v", pid, err)
	}
}

// pidfds are those of this process.
func pidfds(t *testing.T) map[int]bool {
	t.Helper()
	all := map[int]bool{}
	for fd := range 256 {
		if name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil && strings.Contains(name, "pidfd") {
			all[fd] = true
		}
	}
	return all
}
