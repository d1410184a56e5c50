package cgroup

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"pidbox/lib/proc"
)

// own makes the group of a process that sleeps.
func own(t *testing.T) (*Group, proc.Identity, *exec.Cmd) {
	t.Helper()
	cmd := exec.Command("sleep", "300")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	h, err := proc.Open(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	id, err := h.Identity()
	if err != nil {
		t.Fatal(err)
	}
	g, err := Own(id)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = g.Remove() })
	return g, id, cmd
}

// A group is had again by its mark while it is that group, by a record of this boot and this PID namespace only.
func TestReopens(t *testing.T) {
	g, id, _ := own(t)
	if again, err := Reopen(id, g.Mark()); err != nil || again.Path() != g.Path() {
		t.Fatal(again, err)
	}
	boot, namespace, mark := id, id, g.Mark()
	boot.Boot = "0"
	namespace.Namespace++
	other, none, outside := mark, mark, mark
	other.ID++
	none.ID = 0
	outside.Path = filepath.Dir(mark.Path)
	for name, err := range map[string]error{
		"boot":      second(Reopen(boot, mark)),
		"namespace": second(Reopen(namespace, mark)),
		"inode":     second(Reopen(id, other)),
		"none":      second(Reopen(id, none)),
		"not ours":  second(Reopen(id, outside)),
	} {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := g.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := Reopen(id, mark); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func second(_ *Group, err error) error { return err }

// What nobody came to remove is removed by the next who makes one, and nothing else is.
func TestSweepsWhatIsLost(t *testing.T) {
	lost, id, cmd := own(t)
	lives, _, _ := own(t)
	above := filepath.Dir(lost.Path())
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	sweepLost(above)
	if _, err := os.Stat(lost.Path()); err != nil {
		t.Error("a young one:", err)
	}
	old := time.Now().Add(-2 * lostAge)
	for _, g := range []*Group{lost, lives} {
		if err := os.Chtimes(g.Path(), old, old); err != nil {
			t.Skip(err)
		}
	}
	sweepLost(above)
	if _, err := os.Stat(lost.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("that of process %d is left: %v", id.PID, err)
	}
	if _, err := os.Stat(lives.Path()); err != nil {
		t.Error("that of one that lives:", err)
	}
}

// The sweep on the word of a record goes no further than that word.
func TestSweepAsks(t *testing.T) {
	g, id, _ := own(t)
	Sweep(id, g.Mark(), func(int, int, int) error { return os.ErrPermission })
	if _, err := os.Stat(g.Path()); err != nil {
		t.Fatal(err)
	}
	Sweep(id, g.Mark(), nil)
	if _, err := os.Stat(g.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// By a prefix, too: what is empty and old.
func TestSweepsBeside(t *testing.T) {
	prefix := fmt.Sprintf("pidbox-test-%d-", os.Getpid())
	var made []*Group
	for _, name := range []string{"old", "young", "full"} {
		g, err := Make(prefix + name)
		if err != nil {
			t.Skip(err)
		}
		t.Cleanup(func() { _ = g.Remove() })
		made = append(made, g)
	}
	cmd := exec.Command("sleep", "300")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if err := made[2].Add(cmd.Process.Pid); err != nil {
		t.Skip(err)
	}
	old := time.Now().Add(-2 * lostAge)
	for _, i := range []int{0, 2} {
		if err := os.Chtimes(made[i].Path(), old, old); err != nil {
			t.Skip(err)
		}
	}
	made[1].SweepBeside(prefix + "other")
	if _, err := os.Stat(made[0].Path()); err != nil {
		t.Error("of another prefix:", err)
	}
	made[1].SweepBeside(prefix)
	for i, there := range []bool{false, true, true} {
		if _, err := os.Stat(made[i].Path()); (err == nil) != there {
			t.Error(made[i].Path(), err)
		}
	}
}
