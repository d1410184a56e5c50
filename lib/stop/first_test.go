package stop

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pidbox/lib/signals"
)

// What a command is given and what it leaves of the schedule, in seconds of virtual time.
func TestFirst(t *testing.T) {
	no := errors.New("no")
	type fakeCommand = func(context.Context, *fake) error
	after := func(d time.Duration, end bool, result error) fakeCommand {
		return func(ctx context.Context, f *fake) error {
			select {
			case <-time.After(d * time.Second):
				if end {
					close(f.end)
				}
				return result
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	for name, c := range map[string]struct {
		command fakeCommand
		gone    bool
		took    time.Duration
		said    string
	}{
		"ends it":           {after(3, true, nil), true, 3, ""},
		"fails":             {after(3, false, no), false, 3, "no"},
		"ends it and fails": {after(3, true, no), true, 3, ""},
		"hangs":             {after(60, false, nil), false, 15, "not done within 15s"},
		"hangs on": {func(ctx context.Context, _ *fake) error {
			<-ctx.Done()
			time.Sleep(4 * time.Second)
			return context.Cause(ctx)
		}, false, 19, "not done within 15s"},
		"has not ended it":   {after(3, false, nil), false, 15, ""},
		"ends it, and lasts": {func(ctx context.Context, f *fake) error { close(f.end); return after(5, false, nil)(ctx, f) }, true, 5, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, began, said := &fake{end: make(chan struct{})}, time.Now(), ""
				run := func(ctx context.Context) error { return c.command(ctx, f) }
				gone, left, err := First(t.Context(), f, parse(t, "TERM/20/KILL/5"), run, func(err error) { said += err.Error() })
				took := time.Since(began)
				if gone != c.gone || err != nil || took != c.took*time.Second || said != c.said {
					t.Errorf("gone: %v, %v, after %v, said %q", gone, err, took, said)
				}
				if left[0].Wait != 20*time.Second-min(took, 15*time.Second) || left[1].Wait != 5*time.Second || len(f.got) != 0 {
					t.Error("left:", left, f.got)
				}
			})
		})
	}
}

func TestFirstIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, enough := &fake{end: make(chan struct{})}, errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(enough) })
		run := func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
		gone, _, err := First(ctx, f, signals.Default(), run, func(err error) { t.Error(err) })
		if gone || err != enough {
			t.Error(gone, err)
		}
	})
}
