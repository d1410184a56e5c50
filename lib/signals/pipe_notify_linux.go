//go:build !amd64 && !arm64

package signals

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// relay is by the runtime.
type relay struct{ come chan os.Signal }

func (p *Pipe) prepare() {
	p.come = make(chan os.Signal, 64)
	go func() {
		for s := range p.come {
			_, _ = unix.Write(p.to, []byte{byte(s.(syscall.Signal))})
		}
	}()
}

func (p *Pipe) take(s syscall.Signal) { signal.Notify(p.come, s) }

func (p *Pipe) giveBack(s syscall.Signal) {
	signal.Reset(s)
	dispose(s, byDefault)
}
