package applets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/daemon"
	"pidbox/lib/fault/agent"
	"pidbox/lib/fault/run"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
	"pidbox/lib/stop"
	"pidbox/lib/supervise"
)

func TestEachErrorHasItsStatus(t *testing.T) {
	holder := &pidfile.Holder{Path: "/run/web.pid", PID: 4711, Why: "it started later"}
	for _, c := range []struct {
		err    error
		status applet.Status
		hint   string
	}{
		{&pidfile.HeldError{Holder: holder}, applet.No, ""},
		{&pidfile.HeldError{Holder: holder, Waited: time.Second}, applet.TimedOut, ""},
		{&pidfile.UnsafeError{Path: "/tmp", Reason: "open to all", Hint: "chmod o-w /tmp"}, applet.Unsafe, "chmod o-w /tmp"},
		{&pidfile.DoubtError{Holder: holder}, applet.Unsafe, "look at process 4711, then give --unrecorded=running or --unrecorded=stale"},
		{&pidfile.DoubtError{Holder: &pidfile.Holder{PID: 1}}, applet.Unsafe, ""},
		{&pidfile.GarbageError{Path: "/run/web.pid", Text: `"x"`}, applet.Unsafe, ""},
		{pidfile.ErrBusy, applet.Busy, ""},
		{pidfile.ErrChanged, applet.Unsafe, ""},
		{proc.ErrNotFound, applet.Absent, ""},
		{stop.ErrSurvived, applet.Survived, ""},
		{&proc.NotLeaderError{PID: 1, Leader: 2}, applet.Unsafe, ""},
		{&proc.DoubtError{PID: 1}, applet.Unsafe, ""},
		{&daemon.DiedError{PID: 1}, applet.Absent, ""},
		{&daemon.NotReadyError{PID: 1}, applet.TimedOut, ""},
		{&supervise.OccupiedError{PID: 1}, applet.No, ""},
		{supervise.ErrGaveUp, applet.Absent, ""},
		{&spawn.ExecError{Path: "web", Errno: syscall.ENOENT, NotFound: true}, applet.NotFound, ""},
		{&spawn.ExecError{Path: "web", Errno: syscall.EACCES}, applet.CannotExec, ""},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.EPERM}, applet.Unsafe, ""},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.ENOSPC}, applet.OK, ""},
		{context.DeadlineExceeded, applet.TimedOut, ""},
		{errors.New("anything"), applet.OK, ""},
		{&agent.ExposedError{Hint: "give a token"}, applet.Unsafe, "give a token"},
		{&agent.SyntaxError{}, applet.BadUsage, ""},
		{&agent.TakenError{}, applet.No, ""},
		{&run.HoldError{}, applet.BadUsage, ""},
		{&run.UnhealthyError{}, applet.Unsafe, ""},
		{&run.UnreachableError{}, applet.Unsafe, ""},
		{&run.RefusedError{}, applet.Unsafe, ""},
		{&signals.Caught{Signal: syscall.SIGTERM}, 128 + 15, ""},
	} {
		wrapped := fmt.Errorf("wrapped: %w", c.err)
		if status, hint := Status(wrapped); status != c.status || hint != c.hint {
			t.Errorf("%T %v: status %d, want %d; hint %q, want %q", c.err, c.err, status, c.status, hint, c.hint)
		}
	}
}
