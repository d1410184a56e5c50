package cgroup

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"pidbox/lib/proc/procfs"
)

// A process whose first thread has ended before the others, which cgroup.kill passes over, is killed like any other.
func TestKillReachesOneWithoutLeader(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("needs a compiler")
	}
	dir := t.TempDir()
	source, program := filepath.Join(dir, "p.c"), filepath.Join(dir, "p")
	const text = `#include <pthread.h>
#include <unistd.h>
static void *f(void *x) { sleep(600); return 0; }
int main(void) { char c; pthread_t t; (void)!read(0, &c, 1); pthread_create(&t, 0, f, 0); pthread_exit(0); }
`
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(cc, "-pthread", "-o", program, source).CombinedOutput(); err != nil {
		t.Skip(string(out))
	}
	each(t, func(t *testing.T, g *Group) {
		if g.legacy { // which has no cgroup.kill
			return
		}
		cmd := exec.Command(program)
		in, _ := cmd.StdinPipe()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		over := make(chan struct{})
		t.Cleanup(func() { _ = cmd.Process.Kill(); <-over })
		if err := g.Add(cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
		in.Close()
		go func() { defer close(over); _ = cmd.Wait() }()
		limited, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for ; limited.Err() == nil; time.Sleep(time.Millisecond) {
			if st, err := procfs.StatOf(cmd.Process.Pid); err == nil && st.State == 'Z' {
				break
			}
		}
		if err := g.Signal(syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		if err := g.Wait(limited); err != nil {
			t.Error(err)
		}
	})
}
