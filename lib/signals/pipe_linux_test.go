package signals

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Signals that are taken are read from the pipe, to whichever thread they came, each of real time as often as it was sent; one
// that was ignored from the start is not taken.
func TestPipe(t *testing.T) {
	p, err := NewPipe()
	if err != nil {
		t.Fatal(err)
	}
	taken := []syscall.Signal{syscall.SIGUSR1, syscall.SIGTSTP, syscall.SIGCHLD, syscall.Signal(40), syscall.Signal(64)}
	p.Take(taken...)
	heard := func(count int) (all []syscall.Signal) {
		t.Helper()
		for end := time.Now().Add(time.Minute); len(all) < count; {
			fds := []unix.PollFd{{Fd: int32(p.FD()), Events: unix.POLLIN}}
			if _, err := unix.Poll(fds, 1000); err != nil && err != unix.EINTR || time.Now().After(end) {
				t.Fatalf("%v, heard %v", err, all)
			}
			all = append(all, p.Heard()...)
		}
		slices.Sort(all)
		return all
	}
	want, last := slices.Clone(taken), syscall.Signal(64)
	for _, s := range taken {
		err := syscall.Kill(os.Getpid(), s)
		if err == syscall.EINVAL && s == last { // qemu-user keeps the last one for itself
			want, last = want[:len(want)-1], 40
		} else if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(want)
	if got := heard(len(want)); !slices.Equal(got, want) {
		t.Errorf("heard %v, want %v", got, want)
	}
	const often = 1000 // the pipe holds more
	for range often {
		syscall.Kill(os.Getpid(), last)
	}
	if got := heard(often); len(got) != often || got[0] != last {
		t.Errorf("heard %d of %d", len(got), often)
	}
	p.Ring()
	if fds := []unix.PollFd{{Fd: int32(p.FD()), Events: unix.POLLIN}}; true {
		if n, err := unix.Poll(fds, 60_000); n != 1 || err != nil || len(p.Heard()) > 0 {
			t.Errorf("a ring is not to be read, and is no signal: %d, %v", n, err)
		}
	}
	p.GiveBack(taken...)
	for _, s := range taken {
		action := disposition(s)
		if got := action.Handler(); got != byDefault {
			t.Errorf("%v has the disposition %#x", s, got)
		}
	}
	signal.Ignore(syscall.SIGUSR2)
	defer signal.Reset(syscall.SIGUSR2)
	p.Take(syscall.SIGUSR2)
	if !ignores(syscall.SIGUSR2) {
		t.Error("a signal that is ignored was taken")
	}
}
