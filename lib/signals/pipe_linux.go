package signals

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Pipe has signals write their numbers into a pipe, a byte each, for a thread that waits for other things as well. A program
// has one, for as long as it runs.
type Pipe struct {
	from, to int
	relay
}

// NewPipe makes the pipe.
func NewPipe() (*Pipe, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	p := &Pipe{from: fds[0], to: fds[1]}
	p.prepare()
	return p, nil
}

// FD is readable when a signal has come, or after a Ring.
func (p *Pipe) FD() int { return p.from }

// Take takes signals, but for those that were ignored when the program started. Nothing else in it may ask for those.
func (p *Pipe) Take(some ...syscall.Signal) {
	for _, s := range some {
		if !Ignored(s) {
			p.take(s)
		}
	}
}

// GiveBack gives signals that were taken their effect on a program in C.
func (p *Pipe) GiveBack(some ...syscall.Signal) {
	for _, s := range some {
		if !Ignored(s) {
			p.giveBack(s)
		}
	}
}

// Heard reads those that have come since the last time, and waits for none.
func (p *Pipe) Heard() (all []syscall.Signal) {
	var text [256]byte
	for {
		n, err := unix.Read(p.from, text[:])
		if err == unix.EINTR {
			continue
		}
		for _, c := range text[:max(n, 0)] {
			if c != 0 {
				all = append(all, syscall.Signal(c))
			}
		}
		if n < len(text) {
			return all
		}
	}
}

// Ring is for another thread that has something to say.
func (p *Pipe) Ring() { _, _ = unix.Write(p.to, []byte{0}) }
