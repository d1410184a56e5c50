//go:build !linux || (!amd64 && !arm64)

package signals

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

func until(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	heard := make(chan os.Signal, 1)
	for _, s := range ending() {
		if !Ignored(s) {
			signal.Notify(heard, s)
		}
	}
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case s := <-heard:
			cancel(&Caught{s.(syscall.Signal)})
		case <-over:
		}
	}()
	return ctx, sync.OnceFunc(func() {
		signal.Stop(heard)
		QuitAsUsual() // which the runtime would keep
		close(over)
		<-ended
		select {
		case s := <-heard: // of two events select takes either
			cancel(&Caught{s.(syscall.Signal)})
		default:
			cancel(nil)
		}
	})
}
