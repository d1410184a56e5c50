//go:build linux

package testscripts

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A run on a terminal shows on one line which case it is at, and what is being done. The line is gone when the case's own is
// printed, and when the run has ended.
func TestFaultProgress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	agent := exec.Command("fault-agent", "-p", "m1.pid", "--listen", "unix:"+dir+"/s", "--", "sleeper")
	agent.Dir = dir
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		agent.Process.Signal(syscall.SIGTERM)
		agent.Wait()
	})
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(dir + "/s"); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the agent does not listen")
		}
	}
	plan := fmt.Sprintf(`members: [{name: m1, agent: "unix:%s/s", health: {exec: "true"}}]
defaults: {stable: 0s}
cases:
- {name: quick, fault: kill, on: m1, hold: 10s}
- {name: long, fault: pause, on: m1, hold: 4m}
`, dir)
	if err := os.WriteFile(filepath.Join(dir, "plan.yaml"), []byte(plan), 0o644); err != nil {
		t.Fatal(err)
	}
	master, terminal := openTerminal(t)
	tester := exec.Command("fault-tester", "run", "plan.yaml")
	tester.Dir, tester.Stderr = dir, terminal
	if err := tester.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	seen := ""
	for _, want := range []string{
		`\rfault-tester: [0-9.]+m?s, round 1, case 1 of 2, quick: kill on m1\x1b\[K`,
		`\r\x1b\[Kfault-tester: PASS round 1 quick on m1, recovered in [0-9.]+s\r\n`,
		`\rfault-tester: [0-9.]+m?s, round 1, case 2 of 2, long: pause on m1\x1b\[K`,
	} {
		line := regexp.MustCompile(want)
		for buf := make([]byte, 1024); !line.MatchString(seen); {
			n, err := master.Read(buf)
			if seen += string(buf[:n]); err != nil {
				t.Fatalf("%v on the terminal, want %s: %q", err, want, seen)
			}
		}
	}
	tester.Process.Signal(syscall.SIGTERM)
	tester.Wait()
	rest, _ := io.ReadAll(master)
	_, after, _ := cutLast(seen+string(rest), "\r\x1b[K")
	if !strings.HasPrefix(after, "fault-tester: FAIL round 1 long on m1: ") || strings.Contains(after, "round 1, case") {
		t.Errorf("after the wait: %q", after)
	}
}
