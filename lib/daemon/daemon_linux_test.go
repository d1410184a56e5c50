package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pidbox/lib/ready"
	"pidbox/lib/spawn"
)

// A child that is stopped before it executes the command is given up like any that does not get ready.
func TestNotExecuted(t *testing.T) {
	struck := errors.New("struck")
	for name, c := range map[string]struct {
		ready  ready.Want
		strike bool
		want   string
	}{
		"in time": {ready.Want{Descriptor: 3, Timeout: 3 * time.Second}, false, "was not ready after 3s: it was not executed yet"},
		"struck":  {ready.Want{Descriptor: 3, Timeout: time.Hour}, true, "struck"},
		"uptime":  {ready.Want{MinUptime: time.Hour}, true, "struck"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, strike := context.WithCancelCause(t.Context())
			file, pid := filepath.Join(t.TempDir(), "web.pid"), 0
			_, err := Start(ctx, Order{
				Command: spawn.Command{Path: "/bin/sh", Args: []string{"sh", "-c", "exit 0"}}, PIDFile: file,
				Want: c.ready,
				Tell: func(format string, args ...any) {
					if told := fmt.Sprintf(format, args...); strings.HasSuffix(told, ": held") {
						fmt.Sscanf(told, "process %d", &pid)
						syscall.Kill(pid, syscall.SIGSTOP)
						if c.strike {
							time.AfterFunc(20*time.Millisecond, func() { strike(struck) })
						}
					}
				},
			})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Error(err)
			}
			if _, err := os.Stat(file); !os.IsNotExist(err) {
				t.Error("the pidfile is left: ", err)
			}
			if pid == 0 || syscall.Kill(pid, 0) != syscall.ESRCH {
				t.Errorf("process %d is left", pid)
			}
		})
	}
}
