package multicall

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"testing"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/daemon"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/resolve"
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
		{&pidfile.UnsafeError{Path: "/tmp", Reason: "open to all", Hint: "chmod o-w /tmp"}, applet.Unsafe, "hint: chmod o-w /tmp\n"},
		{&pidfile.DoubtError{Holder: holder}, applet.Unsafe, "hint: look at process 4711, then give --unrecorded=running or --unrecorded=stale\n"},
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
		{&resolve.Unsafe{Path: "web.log", Hint: "rm web.log"}, applet.Unsafe, "hint: rm web.log\n"},
		{&supervise.OccupiedError{PID: 1}, applet.No, ""},
		{supervise.ErrGaveUp, applet.Absent, ""},
		{&spawn.ExecError{Path: "web", Errno: syscall.ENOENT, NotFound: true}, applet.NotFound, ""},
		{&spawn.ExecError{Path: "web", Errno: syscall.EACCES}, applet.CannotExec, ""},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.EPERM}, applet.Unsafe, ""},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.ENOSPC}, applet.Failed, ""},
		{context.DeadlineExceeded, applet.TimedOut, ""},
		{errors.New("anything"), applet.Failed, ""},
		{applet.Fail(applet.Absent, "%w", &pidfile.UnsafeError{Hint: "chmod"}), applet.Absent, "hint: chmod\n"},
	} {
		var stderr bytes.Buffer
		call := &applet.Call{Name: "x", Stdout: &output{to: io.Discard}, Stderr: &stderr}
		wrapped := fmt.Errorf("wrapped: %w", c.err)
		if got := report(call, wrapped, applet.Failed); got != c.status {
			t.Errorf("%T %v: status %d, want %d", c.err, c.err, got, c.status)
		}
		if want := "x: " + applet.Line(wrapped.Error()) + "\n" + c.hint; stderr.String() != want {
			t.Errorf("printed %q, want %q", &stderr, want)
		}
	}
}

func TestFailureHasTheAppletsOwnStatus(t *testing.T) {
	call := &applet.Call{Name: "pid-alive", Stdout: &output{to: io.Discard}, Stderr: io.Discard}
	if got := report(call, errors.New("cannot tell"), applet.Unsafe); got != applet.Unsafe {
		t.Errorf("status %d", got)
	}
	lost := &output{to: io.Discard, err: syscall.ENOSPC}
	for err, want := range map[error]applet.Status{nil: applet.Unsafe, applet.Exit(applet.No): applet.Unsafe, applet.Fail(applet.No, "no"): applet.No} {
		call.Stdout = lost
		if got := report(call, err, applet.Unsafe); got != want {
			t.Errorf("after lost output, %v: status %d, want %d", err, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"pid-file", "pidfile", "p", "grace", "group", "no-wait"}
	for word, want := range map[string]string{"pid-fiel": "pid-file", "grac": "grace", "gorup": "group", "nowait": "no-wait", "x": "p", "zzzzzz": "", "pid_file": "pid-file"} {
		if got := nearest(word, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
