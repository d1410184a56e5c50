package health

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"pidbox/lib/signals"
)

// Signalled is the cause of a context that a signal ended.
type Signalled struct{ Signal syscall.Signal }

func (s Signalled) Error() string { return "ended by signal " + signals.Name(s.Signal) }

// UntilSignal ends ctx with Signalled at a HUP, INT, QUIT or TERM that would else end this process at once, and leave
// the command of an Exec check behind. What is ignored stays so. The returned function undoes it.
func UntilSignal(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	heard := make(chan os.Signal, 1)
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM} {
		if !signal.Ignored(s) {
			signal.Notify(heard, s)
		}
	}
	go func() {
		select {
		case s := <-heard:
			cancel(Signalled{s.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(heard)
		cancel(nil)
	}
}
