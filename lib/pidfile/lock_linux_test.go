package pidfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/testscripts/lab"
)

// A claim that waits for a program that keeps its file locked is in the way of no other claim in that directory.
func TestWaitsWithoutTheDirectory(t *testing.T) {
	dir := safeDir(t)
	path := dir + "/web.pid"
	p := open(t, lab.Sleeper(t))
	must(t, os.WriteFile(path, nil, 0o644))
	var st unix.Stat_t
	must(t, unix.Stat(path, &st))
	lock, err := HoldLock(path)
	must(t, err)
	defer lock.Close()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		r, err := Claim(ctx, path, p, Rules{}, 0, 0)
		if err == nil {
			r.Close()
		}
		done <- err
	}()
	waits := func() bool {
		text, err := os.ReadFile("/proc/locks")
		if err != nil {
			t.Skip(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "->") && strings.Contains(line, fmt.Sprintf(":%d ", st.Ino)) {
				return true
			}
		}
		return false
	}
	for end := time.Now().Add(patience); !waits(); time.Sleep(time.Millisecond) {
		select {
		case err := <-done:
			t.Skip("it was not seen to wait: ", err)
		default:
		}
		if time.Now().After(end) {
			t.Fatal("it does not wait for the lock")
		}
	}
	d, err := os.Open(dir)
	must(t, err)
	defer d.Close()
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Errorf("the directory: %v", err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) && !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
}
