package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pidbox/lib/proc"
	"pidbox/testscripts/lab"
)

func TestMain(m *testing.M) {
	lab.Enter()
	os.Exit(m.Run())
}

// each runs a test in a group of either version.
func each(t *testing.T, test func(*testing.T, *Group)) {
	for _, legacy := range []bool{false, true} {
		t.Run(fmt.Sprintf("v%d", map[bool]int{false: 2, true: 1}[legacy]), func(t *testing.T) {
			g, err := makeBelow(fmt.Sprintf("pidbox-test-%d-%d", os.Getppid(), time.Now().UnixNano()), legacy, false)
			if err != nil {
				t.Skip(err)
			}
			t.Cleanup(func() {
				_ = g.Signal(syscall.SIGKILL)
				_ = g.Wait(context.Background())
				if err := g.Remove(); err != nil {
					t.Error(err)
				}
				if _, err := os.Stat(g.Path()); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s is left: %v", g.Path(), err)
				}
			})
			test(t, g)
		})
	}
}

// crowd starts a process in the group that leaves two more behind, one of them in a session of its own.
func crowd(t *testing.T, g *Group) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sh", "-c", "read -r line; sleep 300 & setsid sleep 300 & echo; exec sleep 300")
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if err := g.Add(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(in)
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func TestKillReachesAll(t *testing.T) {
	each(t, func(t *testing.T, g *Group) {
		if populated, err := g.Populated(); populated || err != nil {
			t.Fatal(populated, err)
		}
		if err := g.Signal(syscall.SIGTERM); !errors.Is(err, proc.ErrNotFound) {
			t.Errorf("an empty group: %v", err)
		}
		cmd := crowd(t, g)
		pids, err := g.PIDs()
		if err != nil || len(pids) != 3 || !g.Holds(cmd.Process.Pid) || g.Holds(os.Getpid()) {
			t.Fatal(pids, err)
		}
		limited, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := g.Wait(limited); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := g.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if err := g.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, pid := range pids {
			if lab.Running(pid) {
				t.Errorf("process %d runs", pid)
			}
		}
	})
}

func TestTermReachesAll(t *testing.T) {
	each(t, func(t *testing.T, g *Group) {
		crowd(t, g)
		if err := g.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := g.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestFreezeStopsAll(t *testing.T) {
	each(t, func(t *testing.T, g *Group) {
		file := filepath.Join(t.TempDir(), "ticks")
		cmd := exec.Command("sh", "-c", "read -r line; setsid sh -c 'while :; do echo >>\"$0\"; done' \"$0\" & wait", file)
		in, _ := cmd.StdinPipe()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		if err := g.Add(cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(in)
		size := func() int64 {
			info, err := os.Stat(file)
			if err != nil {
				return 0
			}
			return info.Size()
		}
		grows := func(from int64) bool {
			for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
				if size() > from {
					return true
				}
			}
			return false
		}
		if !grows(0) {
			t.Fatal("it writes nothing")
		}
		if err := g.Freeze(t.Context()); err != nil {
			t.Fatal(err)
		}
		if frozen, err := g.Frozen(); !frozen || err != nil {
			t.Error(frozen, err)
		}
		stood := size()
		time.Sleep(100 * time.Millisecond)
		if size() != stood {
			t.Error("it writes while it is frozen")
		}
		if err := g.Thaw(); err != nil {
			t.Fatal(err)
		}
		if !grows(stood) {
			t.Error("it does not go on")
		}
		// a frozen group can be killed
		if err := g.Freeze(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := g.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if err := g.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Groups below it count, and go with it.
func TestGroupsBelow(t *testing.T) {
	each(t, func(t *testing.T, g *Group) {
		if err := os.Mkdir(filepath.Join(g.Path(), "below"), 0o755); err != nil {
			t.Fatal(err)
		}
		below, err := Open(filepath.Join(g.Path(), "below"))
		if err != nil {
			t.Fatal(err)
		}
		cmd := crowd(t, below)
		if pids, err := g.PIDs(); err != nil || len(pids) != 3 || !g.Holds(cmd.Process.Pid) {
			t.Error(pids, err)
		}
		if err := g.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if err := g.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A group that another has removed is empty and stops nobody.
func TestRemovedGroup(t *testing.T) {
	each(t, func(t *testing.T, g *Group) {
		if err := os.Remove(g.Path()); err != nil {
			t.Fatal(err)
		}
		if populated, err := g.Populated(); populated || err != nil {
			t.Error(populated, err)
		}
		if err := g.Signal(syscall.SIGKILL); !errors.Is(err, proc.ErrNotFound) {
			t.Error(err)
		}
		for _, err := range []error{g.Wait(t.Context()), g.Thaw(), g.Remove()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	for _, path := range []string{t.TempDir(), "/proc"} {
		if _, err := Open(path); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := Open("/nowhere/at/all"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestMountsAndMembership(t *testing.T) {
	hybrid := "9:name=systemd:/\n6:cpu,freezer:/a:b\n0::/user.slice\n"
	for hierarchy, want := range map[string]string{unified: "/user.slice", freezer: "/a:b"} {
		if got, found := membership(hybrid, hierarchy); got != want || !found {
			t.Errorf("%q", got)
		}
	}
	if _, found := membership("6:freezer:/\n", unified); found {
		t.Error("version 2 was found where there is none")
	}
	m, is := parseMount(`41 31 0:38 /docker/x /sys/fs/c\040g rw,relatime shared:3 - cgroup2 cgroup2 rw`, unified)
	if !is || m.point != "/sys/fs/c g" {
		t.Fatalf("%+v %v", m, is)
	}
	for path, want := range map[string]string{"/docker/x/y": "/sys/fs/c g/y", "/docker/x": "/sys/fs/c g", "/docker/xy": "", "/": ""} {
		if got, _ := m.dir(path); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
	for _, line := range []string{"", "- cgroup2", "1 2 3 / /x rw - tmpfs x y", "36 31 0:33 / /d rw - cgroup cgroup rw,devices"} {
		if _, is := parseMount(line, map[bool]string{true: freezer}[strings.Contains(line, "devices")]); is {
			t.Errorf("%q is a mount", line)
		}
	}
}
