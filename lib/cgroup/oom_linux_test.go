package cgroup

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"pidbox/lib/proc"
)

// smallMemory is a group in which 32 MiB are all there is, of the version that has the memory controller here.
func smallMemory(t *testing.T) string {
	t.Helper()
	limits := map[string]string{"memory.max": "32M", "memory.swap.max": "0"}
	above, err := under("self", "memory")
	if err == nil {
		limits = map[string]string{"memory.limit_in_bytes": "32M", "memory.swappiness": "0"}
	} else if above, err = under("self", unified); err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(above, fmt.Sprintf("pidbox-test-oom-%d", time.Now().UnixNano()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		for end := time.Now().Add(time.Minute); os.Remove(dir) != nil; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Error(dir, "is left")
				return
			}
		}
	})
	for file, limit := range limits {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(limit), 0); err != nil && file[len(file)-1] != 's' && file != "memory.swap.max" {
			t.Skip(err)
		}
	}
	return dir
}

// eater is a shell in that group, which is given a line to do.
func eater(t *testing.T, dir string) (h *proc.Handle, do func(line string), wait func() error) {
	t.Helper()
	cmd := exec.Command("sh", "-c", "while read -r line; do eval \"$line\"; done")
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	group := Group{path: dir}
	if err := group.Add(cmd.Process.Pid); err != nil {
		t.Skip(err)
	}
	h, err := proc.Open(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	do = func(line string) { fmt.Fprintln(in, line+"; echo") }
	return h, do, func() error { _, err := out.Read(make([]byte, 1)); return err }
}

// ended waits for the end, and says whether it was the OOM killer's.
func ended(t *testing.T, h *proc.Handle, o *OOM) bool {
	t.Helper()
	if o == nil {
		t.Skip("there is nothing that counts the victims")
	}
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	return o.Killed()
}

func TestOOMKills(t *testing.T) {
	for range 3 {
		h, do, _ := eater(t, smallMemory(t))
		o := WatchOOM(h)
		do("exec tail /dev/zero")
		if !ended(t, h, o) {
			t.Error("the OOM killer is not seen")
		}
	}
}

// Who was killed by another is not the OOM killer's victim, not even when a child of it was a moment before.
func TestOOMKillsAnother(t *testing.T) {
	h, do, wait := eater(t, smallMemory(t))
	o := WatchOOM(h)
	for i := range 2 {
		do("tail /dev/zero >/dev/null 2>&1")
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Minute); o != nil && o.looked.Load() <= int64(i); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the victim is not seen")
			}
		}
	}
	if err := h.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if ended(t, h, o) {
		t.Error("the victim was a child")
	}
	h, _, _ = eater(t, smallMemory(t))
	o = WatchOOM(h)
	if err := h.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if ended(t, h, o) {
		t.Error("there was no victim")
	}
}

// A watch ends when it is closed, whatever the process does.
func TestOOMCloses(t *testing.T) {
	h, _, _ := eater(t, smallMemory(t))
	o := WatchOOM(h)
	o.Close()
	o.Close()
	if o.Killed() {
		t.Error("it lives")
	}
}
