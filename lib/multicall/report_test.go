package multicall

import (
	"errors"
	"fmt"
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

// Several errors are one line, and a line end in a name stays one in a name.
func TestSentence(t *testing.T) {
	one, two := errors.New("one"), fmt.Errorf("two: %w", errors.New("a\nb"))
	for want, err := range map[string]error{
		"one":                           one,
		"two: a\nb":                     two,
		"one; two: a\nb":                errors.Join(one, two),
		"f: one; two: a\nb; one":        fmt.Errorf("f: %w", errors.Join(errors.Join(one, two), one)),
		"f: one, and two: a\nb; one, x": fmt.Errorf("f: %w, and %w, x", one, errors.Join(two, one)),
		"f: none":                       &applet.Error{Status: 1, Err: errors.New("f: none")},
	} {
		if got := sentence(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
