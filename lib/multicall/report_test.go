package multicall

import (
	"errors"
	"io"
	"syscall"
	"testing"

	"pidbox/lib/applet"
)

func TestFailureHasTheAppletsOwnStatus(t *testing.T) {
	call := &applet.Call{Name: "pid-alive", Stdout: &output{to: io.Discard}, Stderr: io.Discard}
	if got := report(call, errors.New("cannot tell"), applet.Unsafe, judged); got != applet.Unsafe {
		t.Errorf("status %d", got)
	}
	lost := &output{to: io.Discard, err: syscall.ENOSPC}
	for err, want := range map[error]applet.Status{nil: applet.Unsafe, applet.Exit(applet.No): applet.Unsafe, applet.Fail(applet.No, "no"): applet.No} {
		call.Stdout = lost
		if got := report(call, err, applet.Unsafe, judged); got != want {
			t.Errorf("after lost output, %v: status %d, want %d", err, got, want)
		}
	}
}
