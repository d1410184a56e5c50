package child

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pidbox/lib/pidfile"
	"pidbox/testscripts/lab"
)

// What a stranger has put in place of the pidfile, where any user can, is not adopted, and keeps nobody from a start; his
// file elsewhere is an error.
func TestASquatterIsNotAdopted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	const stranger = 54321
	dir := t.TempDir()
	file := filepath.Join(dir, "x.pid")
	if err := os.WriteFile(file, fmt.Appendln(nil, lab.Sleeper(t).PID), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(file, stranger, stranger); err != nil {
		t.Fatal(err)
	}
	if c, err := Adopt(t.Context(), Spec{PIDFile: file}); c != nil || err == nil {
		t.Errorf("adopted %v, %v", c, err)
	}
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if c, err := Adopt(t.Context(), Spec{PIDFile: file}); c != nil || err != nil {
		t.Fatalf("adopted %v, %v", c, err)
	}
	c, err := Start(t.Context(), shell("exec sleep 300"), Spec{Session: true, PIDFile: file})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if s := state(t, file); s != pidfile.Running {
		t.Error(s)
	}
	if err := c.Stop(t.Context(), Kill(), nil); err != nil {
		t.Error(err)
	}
	if _, err := c.Reap(); err != nil {
		t.Error(err)
	}
}
