package supervise

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"testing"

	"pidbox/lib/journal"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
)

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
		s := &Service{PidFile: path, Fingerprint: print, Log: journal.Discard()}
		if err := s.beside().save(newRecord(child, proc.Identity{PID: 1 << 30}, print)); err != nil {
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
