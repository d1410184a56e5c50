package applets

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"pidbox/lib/signals"
)

// struckError is the cause of a context that a signal ended.
type struckError struct{ signal syscall.Signal }

func (e *struckError) Error() string {
	return fmt.Sprintf("SIG%s came before it was ready, and it was stopped", signals.Name(e.signal))
}

// untilSignal ends when this process is asked to: what it has begun is undone then. Signals that were ignored when it
// started stay so.
func untilSignal() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	got := make(chan os.Signal, 1)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(s) {
			signal.Notify(got, s)
		}
	}
	go func() {
		select {
		case s := <-got:
			cancel(&struckError{s.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}
