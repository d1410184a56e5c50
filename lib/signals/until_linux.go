//go:build amd64 || arm64

package signals

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// until hears the signals by a Pipe, which takes no change of threads for each of them. Nobody closes that: a handler that is at
// work in another thread has nothing else to write to.
func until(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	p, err := NewPipe()
	if err != nil { // then they have their usual effect
		return ctx, func() { cancel(nil) }
	}
	p.Take(ending()...)
	var over atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for last := false; !last; {
			last = over.Load()
			if !last {
				_, _ = unix.Poll([]unix.PollFd{{Fd: int32(p.FD()), Events: unix.POLLIN}}, -1)
			}
			for _, s := range p.Heard() {
				cancel(&Caught{s})
			}
		}
	}()
	return ctx, sync.OnceFunc(func() {
		p.GiveBack(ending()...)
		over.Store(true)
		p.Ring()
		<-ended
		cancel(nil)
	})
}
