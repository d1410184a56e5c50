//go:build !pidbox_some || pidbox_http

package health

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func sh(t *testing.T, script string) Check {
	t.Helper()
	c, err := Exec([]string{"sh", "-c", script})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestExecAnswers(t *testing.T) {
	notExecutable := filepath.Join(t.TempDir(), "bad")
	os.WriteFile(notExecutable, []byte("#!/nowhere/interpreter\n"), 0o700)
	bad, err := Exec([]string{notExecutable})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		check Check
		want  string
	}{
		{sh(t, "exit 0"), "healthy"},
		{sh(t, "cat"), "healthy"}, // standard input is empty
		{sh(t, "exit 3"), "exit status 3"},
		{sh(t, "echo one; echo 'disk \033full' >&2; echo; exit 1"), "exit status 1: disk full"},
		{sh(t, "kill -TERM $$"), "killed by signal TERM"},
		{sh(t, "i=0; while [ $i -lt 3000 ]; do echo 0123456789; i=$((i+1)); done; exit 2"), "exit status 2: 0123456789"},
		{bad, ".*/bad: bad interpreter: /nowhere/interpreter: no such file or directory"},
	} {
		wantAnswer(t, ask(c.check, long), c.want)
	}
	if got := sh(t, "secret").String(); got != "exec:sh" {
		t.Error(got)
	}
}

func TestExecNotFound(t *testing.T) {
	for _, argv := range [][]string{nil, {"no-such-command-here"}, {"/"}} {
		if _, err := Exec(argv); err == nil || strings.Contains(err.Error(), "exec:") {
			t.Errorf("%q: %v", argv, err)
		}
	}
}

// What a check has started ends with it: when its time is up, and when it leaves something in the background.
func TestExecLeavesNothingBehind(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		limit  time.Duration
		want   string
	}{
		"time up":    {"sleep 1000 & echo $! >F; echo >G; wait", time.Second, `no answer in 1s`},
		"background": {"sleep 1000 & echo $! >F; echo >G; exit 0", long, "healthy"},
		"stubborn":   {"trap '' TERM INT HUP; sleep 1000 & echo $! >F; echo >G; wait", time.Second, `no answer in 1s`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if c.limit < long { // counted from when the script is there
				go func() {
					for ctx.Err() == nil {
						if _, err := os.Stat(dir + "/G"); err == nil {
							cancel()
						}
						time.Sleep(time.Millisecond)
					}
				}()
			}
			err := sh(t, "cd "+dir+"; "+c.script).Check(ctx)
			switch {
			case c.want == "healthy" && err != nil, c.want != "healthy" && (err == nil || !strings.HasPrefix(err.Error(), "no answer in")):
				t.Errorf("answer %v", err)
			}
			text, err := os.ReadFile(dir + "/F")
			if err != nil {
				t.Fatal(err)
			}
			pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
			waitDead(t, pid)
		})
	}
}

// waitDead takes a zombie for dead: who reaps orphans here may take its time.
func waitDead(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil && syscall.Kill(pid, 0) == syscall.ESRCH {
			return
		}
		if i := strings.LastIndex(string(stat), ") "); i > 0 && stat[i+2] == 'Z' {
			return
		}
	}
	syscall.Kill(pid, syscall.SIGKILL)
	t.Errorf("process %d survives the check", pid)
}
