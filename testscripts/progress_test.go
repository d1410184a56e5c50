//go:build linux

package testscripts

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestProgress looks at a terminal: every wait that lasts longer than a second is shown there on one line, with its
// time, its limit and what is waited for, and the line is gone when the wait is over. Nothing is shown elsewhere.
func TestProgress(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		command string // @ is the pidfile of a process that ignores all but KILL
		line    string // what is shown, behind the time
		after   string // all that remains
		end     func(held, waiter int)
	}{
		{"kill", "pid-kill --grace 1h @", `of 1h, waiting for process \d+ to exit after TERM`, ``, killHeld},
		{"group", "pid-kill --group --retry TERM/1h @", `of 1h, waiting for process group \d+ to exit after TERM`, `pid-kill: x\.pid: process \d+ ended by signal KILL\n`, killHeld},
		{"claim", "pid-claim --wait 1h --pid 1 --allow-insecure -p @", `of 1h, waiting for the process that holds @ to exit`, ``, killHeld},
		{"alive", "pid-alive @ --wait-exit 1h", `of 1h, waiting for the process of @ to exit`, ``, killHeld},
		{"daemonize", "daemonize --notify-await --stop-schedule KILL/9 --ready-timeout 1h stubborn", `of 1h, waiting until stubborn is ready; process \d+: runs /.*`,
			`daemonize: stubborn: interrupted by SIGTERM before it was ready; it does not run\n`, termWaiter},
		{"wait", "daemonize --wait 1h -p @ sleeper -for 0s", `of 1h, waiting until @ is free`,
			`daemonize: sleeper: interrupted by SIGTERM before it was ready; it does not run\n`, termWaiter},
		{"detach", "keep-alive --detach --notify-await --stop-schedule KILL/9 -p new.pid stubborn", `of 1m, waiting until stubborn runs`, `(?s).*`, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "x.pid")
			ready := filepath.Join(dir, "ready")
			if out, err := exec.Command("daemonize", "-q", "-p", file, "stubborn", ready).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			eventually(t, "the process is deaf", func() bool { _, err := os.Stat(ready); return err == nil })
			text, _ := os.ReadFile(file)
			pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
			defer syscall.Kill(pid, syscall.SIGKILL)
			args := strings.Fields(strings.ReplaceAll(test.command, "@", "x.pid"))
			master, terminal := openTerminal(t)
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Dir, cmd.Stderr = dir, terminal
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			terminal.Close()
			line := regexp.MustCompile(`\r` + args[0] + `: [0-9.]+m?s ` + strings.ReplaceAll(test.line, "@", "x.pid") + `\x1b\[K`)
			seen := ""
			for buf := make([]byte, 1024); !line.MatchString(seen); {
				n, err := master.Read(buf)
				if seen += string(buf[:n]); err != nil {
					t.Fatalf("%v on the terminal: %q", err, seen)
				}
			}
			if test.end != nil {
				test.end(pid, cmd.Process.Pid)
			} else if out, err := exec.Command("keep-alive", "--stop", "-p", filepath.Join(dir, "new.pid")).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			cmd.Wait()
			rest, _ := io.ReadAll(master)
			seen = strings.ReplaceAll(seen+string(rest), "\r\n", "\n")
			_, after, _ := cutLast(seen, "\r\x1b[K")
			if !regexp.MustCompile(`^` + test.after + `$`).MatchString(after) {
				t.Errorf("after the wait: %q, all of it %q", after, seen)
			}
		})
	}
}

func killHeld(pid, _ int)      { syscall.Kill(pid, syscall.SIGKILL) }
func termWaiter(_, waiter int) { syscall.Kill(waiter, syscall.SIGTERM) }

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
