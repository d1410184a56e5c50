package supervise

import (
	"context"
	"errors"
	"log/slog"
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
		holder, err := pidfile.Read(path, pidfile.Rules{})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		c := adopted(holder, proc.Identity{PID: cmd.Process.Pid}, slog.New(slog.DiscardHandler))
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

// A record that proves nothing, being without boot and PID namespace, makes nobody's process the service's own.
func TestAdoptsNothingUnproven(t *testing.T) {
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
	id, err := h.Identity()
	if err != nil {
		t.Fatal(err)
	}
	for proven, child := range map[bool]proc.Identity{true: id, false: {PID: id.PID, Start: id.Start, Inode: id.Inode}} {
		print := Fingerprint{Path: "/bin/sleep", Args: []string{"sleep", "300"}}
		s := &Service{PidFile: path, Fingerprint: print, Log: slog.New(slog.DiscardHandler)}
		if err := saveRecord(path, newRecord(child, proc.Identity{PID: 1 << 30}, print)); err != nil {
			t.Fatal(err)
		}
		got, err := s.Adopt()
		if got != nil {
			got.Close()
		}
		if occupied := (*OccupiedError)(nil); proven && err != nil || !proven && !errors.As(err, &occupied) {
			t.Errorf("a record that proves it %v: adopted %v, error %v", proven, got != nil, err)
		}
	}
}
