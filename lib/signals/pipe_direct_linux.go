//go:build amd64 || arm64

package signals

import (
	"syscall"

	"pidbox/lib/fork"
)

// relay is a handler of our own, in assembly: it writes the number and touches nothing of the Go runtime, which may have been
// interrupted anywhere. To be notified by the runtime takes two changes of threads for each signal that is asked for: for all
// of them that is more than the start of a Go program.
type relay struct{ action fork.Disposition }

// handler is the address of the handler, which writes to fd from now on.
func handler(fd int32) uintptr

// prepare takes over the runtime's flags, by the example of the signal that it preempts with: a stack of its own, the way
// back, system calls that go on, all other signals blocked.
func (p *Pipe) prepare() {
	p.action = disposition(syscall.SIGURG)
	p.action[0] = handler(int32(p.to))
}

func (p *Pipe) take(s syscall.Signal) { swap(s, p.action) }

func (p *Pipe) giveBack(s syscall.Signal) { dispose(s, byDefault) }
