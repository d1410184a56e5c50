package proc

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// held is a shell that ends as told once its input is closed. It is reaped by reap alone.
func heldShell(t *testing.T, script string) (h *Handle, end func(), reap func()) {
	t.Helper()
	cmd := exec.Command("sh", "-c", "read x; "+script)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if h, err = Open(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h, func() { in.Close() }, func() { _ = cmd.Wait() }
}

// tells says that this kernel keeps how a process ended.
func tells(t *testing.T) bool {
	h, end, reap := heldShell(t, "exit 3")
	end()
	reap()
	_, err := h.Ending(t.Context())
	return err == nil
}

// Every exit status and every deadly signal, of a zombie and of a process that was reaped.
func TestEndings(t *testing.T) {
	if forced != "" {
		t.Skip("by pidfds only")
	}
	after := tells(t)
	type test struct {
		script string
		want   Ending
	}
	var tests []test
	for code := range 256 {
		tests = append(tests, test{"exit " + strconv.Itoa(code), Ending{Code: code}})
	}
	for sig := 1; sig <= 64; sig++ {
		switch s := syscall.Signal(sig); s {
		case 32, 33: // glibc's own, which it does not let a program set: what they do is as they were inherited
		case unix.SIGCHLD, unix.SIGCONT, unix.SIGURG, unix.SIGWINCH, unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		default:
			tests = append(tests, test{"ulimit -c 0; kill -" + strconv.Itoa(sig) + " $$; exec sleep 9", Ending{Signal: s}})
		}
	}
	for i, test := range tests {
		h, end, reap := heldShell(t, test.script)
		end()
		if after && i%2 == 0 {
			reap()
		}
		got, err := h.Ending(t.Context())
		got.Core = false
		if err != nil || got != test.want {
			t.Errorf("%s: %+v, %v", test.script, got, err)
		}
		reap()
	}
}

// A leader that ends before its threads: the process ends with the last of them, and as that says.
func TestEndingOfLeaderThatLeaves(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil || forced != "" {
		t.Skip("needs a compiler and pidfds")
	}
	dir := t.TempDir()
	source, program := filepath.Join(dir, "p.c"), filepath.Join(dir, "p")
	const text = `#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static void *f(void *x) { char c; (void)!read(0, &c, 1); exit(7); }
int main(void) { pthread_t t; pthread_create(&t, 0, f, 0); pthread_exit(0); }
`
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(cc, "-pthread", "-o", program, source).CombinedOutput(); err != nil {
		t.Skip(string(out))
	}
	for _, reaped := range []bool{false, true} {
		if reaped && !tells(t) {
			continue
		}
		cmd := exec.Command(program)
		in, _ := cmd.StdinPipe()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		h, err := Open(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if st, err := h.link.stat(); err == nil && st.Ended() {
				break
			}
		}
		limited, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		if _, err := h.Ending(limited); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a thread runs: %v", err)
		}
		cancel()
		in.Close()
		if reaped {
			_ = cmd.Wait()
		}
		if got, err := h.Ending(t.Context()); err != nil || got != (Ending{Code: 7}) {
			t.Errorf("reaped %v: %+v, %v", reaped, got, err)
		}
		if !reaped {
			_ = cmd.Wait()
		}
		h.Close()
	}
}

func TestInodes(t *testing.T) {
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	inode, err := self.Inode()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, same := range []uint64{0, inode} {
		h, err := OpenInode(os.Getpid(), same)
		if err != nil {
			t.Fatal(err)
		}
		h.Close()
	}
	if _, err := OpenInode(os.Getpid(), inode+1); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}
