//go:build linux

package testscripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The HUP of a terminal that hangs up is no reload: it is not passed on, and ends the supervision in good order.
func TestKeepAliveHangUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	master, terminal := openTerminal(t)
	cmd := exec.Command("keep-alive", "-p", "x.pid", "--log", "log", "--", "sleeper", "ready")
	cmd.Dir, cmd.Stdin = dir, terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	log := func() string {
		text, _ := os.ReadFile(filepath.Join(dir, "log"))
		return string(text)
	}
	eventually(t, "COMMAND runs", func() bool { return strings.Contains(log(), "msg=started") })
	master.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, log())
	}
	if got := log(); !strings.Contains(got, "the terminal has hung up") || !strings.Contains(got, "signal=INT") || strings.Count(got, "msg=started") != 1 {
		t.Error(got)
	}
	if _, err := os.Stat(filepath.Join(dir, "x.child.pid")); !os.IsNotExist(err) {
		t.Error("the child's pidfile is left: ", err)
	}
}
