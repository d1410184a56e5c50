package child

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
)

// How long an adopted process has run does not change when the wall clock is set.
func TestAdoptedChildHasItsAgeByTheMonotonicClock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pid")
	cmd := exec.Command("sleep", "300")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); _ = cmd.Wait() }()
	h, err := proc.Open(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	claim, err := pidfile.Claim(context.Background(), path, h, pidfile.Rules{}, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	claim.Close()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		now := time.Now()
		c, err := Adopt(t.Context(), Spec{PIDFile: path})
		if err != nil || c == nil {
			t.Fatal(c, err)
		}
		began := c.Began()
		c.Close()
		if age := now.Sub(began); age > 0 { // start times are known to 10 ms
			if !strings.Contains(began.String(), " m=") {
				t.Errorf("it began at %v, %v ago", began, age)
			}
			return
		}
		if time.Now().After(end) {
			t.Fatalf("it began at %v", began)
		}
	}
}
