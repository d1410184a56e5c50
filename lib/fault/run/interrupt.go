package run

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"pidbox/lib/signals"
)

// InterruptedError is the cause of a context that a signal ended.
type InterruptedError struct{ Signal syscall.Signal }

func (e *InterruptedError) Error() string { return "ended by SIG" + signals.Name(e.Signal) }

// Interruptible is a context that ends with TERM, or INT, HUP or QUIT where the caller has not ignored them, as nohup
// does, an *InterruptedError its cause. A second signal is not waited for: healing is bounded, and must not be cut short.
func Interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(s) {
			signal.Notify(c, s)
		}
	}
	go func() {
		select {
		case s := <-c:
			cancel(&InterruptedError{s.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil); signal.Stop(c) }
}
