package spawn

import (
	"os"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// sharesMemory asks kcmp(2) whether a process has the memory of this one.
func sharesMemory(t *testing.T, pid int) bool {
	const kcmpVM = 1
	order, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(os.Getpid()), uintptr(pid), kcmpVM, 0, 0, 0)
	if errno != 0 {
		t.Skip("kcmp:", errno)
	}
	return order == 0
}

func TestSharedMemory(t *testing.T) {
	score := 500
	for _, test := range []struct {
		name   string
		cmd    Command
		shared bool
	}{
		{"plain", Command{}, true},
		{"its own user", Command{User: &User{UID: os.Getuid(), GID: os.Getgid()}}, false},
		{"its own OOM score", Command{OOMScoreAdj: &score}, false},
		{"bound to us", Command{Mortal: true}, false},
	} {
		test.cmd.Path, test.cmd.Args = "/bin/true", []string{"true"}
		p, err := Start(t.Context(), test.cmd, true)
		if err != nil {
			t.Fatal(test.name, err)
		}
		if can := p.plan.shareable(); can != test.shared && (dumpsAlone() || can) {
			t.Error(test.name, can)
		}
		if shares := sharesMemory(t, p.PID()); shares != p.plan.Shares {
			t.Error(test.name, shares)
		}
		if err := p.Go(); err != nil {
			t.Error(test.name, err)
		}
		if _, err := p.Wait(background(t)); err != nil {
			t.Error(test.name, err)
		}
		if own, err := os.ReadFile("/proc/self/oom_score_adj"); err == nil && string(own) == "500\n" {
			t.Error("the child's OOM score is ours")
		}
		p.Close()
	}
}

// The signals that would dump core end the child and not us, whose memory it has.
func TestDumpedWhileHeld(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGSEGV, syscall.SIGSYS, syscall.SIGUSR1, syscall.SIGPROF} {
		p, err := Detach(t.Context(), Command{Path: "/bin/true", Args: []string{"true"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Handle().Signal(sig); err != nil {
			t.Error(err)
		}
		if end, err := p.Wait(background(t)); err != nil || end.Signal != sig {
			t.Error(sig, end, err)
		}
		p.Close()
	}
}

// What a held child reads of our memory is there until it has gone, though it was given up and its memory is wanted.
func TestGivenUpWhileHeld(t *testing.T) {
	cmd := Command{Path: "/bin/false", Args: []string{"false"}}
	for range 50 {
		p, err := Start(t.Context(), cmd, true)
		if err != nil {
			t.Fatal(err)
		}
		pid := p.PID()
		syscall.Kill(pid, syscall.SIGSTOP)
		p.Close()
		p = nil
		runtime.GC()
		junk := make([][]byte, 0, 400)
		for range cap(junk) {
			junk = append(junk, make([]byte, 8192))
			for i := range junk[len(junk)-1] {
				junk[len(junk)-1][i] = 0xff
			}
		}
		syscall.Kill(pid, syscall.SIGCONT)
		if status, err := reap(pid); err != nil || status.ExitStatus() != 1 {
			t.Fatal(status, err)
		}
		runtime.KeepAlive(junk)
	}
}
