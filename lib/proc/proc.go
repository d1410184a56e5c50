// Package proc answers who a process is, whether it still lives, and signals that very process and no other.
//
// A PID is only a number: between any two looks at it the process may end and the number pass to a stranger. A Handle
// pins the process instead. Every fact is read after the handle was opened and is believed only if the process was still
// not reaped after the read: until then its PID cannot be reused.
//
// On Linux 5.3 and later a Handle is a pidfd: signals and waits have no window at all. Where the kernel has no pidfds,
// or a seccomp filter denies them, it is an open /proc/PID directory: facts are as safe, waiting is done by short
// sleeps, and before Linux 5.1 a signal is sent by kill(2) right after a check, which leaves a window of microseconds.
// Without /proc too, and on other systems, it is the bare number: that one cannot tell a zombie or a reused number
// from the process, and its Identity holds nothing that could be compared.
package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
)

// ErrNotFound says that no process has the number, or that the one a handle is for has been reaped. A thread's id is
// not a process's number.
var ErrNotFound = errors.New("no such process")

// Handle is one process, and stays that process when its number is reused. Its methods may be called concurrently.
type Handle struct {
	pid  int
	link link
	mu   sync.Mutex
	done chan struct{}
	stop context.CancelFunc // ends the goroutine behind done
}

// link is what ties a Handle to its process: a pidfd, an open /proc/PID, or only the number.
type link interface {
	alive() (bool, error)          // false for a zombie
	held() (bool, error)           // the number is still the process's: it has not been reaped
	kept() bool                    // or it is that of the group or session which the process led
	signal(s syscall.Signal) error // ErrNotFound when reaped
	// signalGroup reaches the group that the process leads or led; errors.ErrUnsupported where that cannot be exact.
	signalGroup(s syscall.Signal) error
	wait(ctx context.Context) error
	stat() (stat, error) // ErrNotFound when reaped, like the next two
	identity() (Identity, error)
	info() (Info, error)
	close() error
}

// Open finds the process with that number, which may be a zombie. It fails with ErrNotFound if there is none.
func Open(pid int) (*Handle, error) {
	if pid <= 0 {
		return nil, fmt.Errorf("process %d: %w", pid, ErrNotFound)
	}
	l, err := open(pid)
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	return &Handle{pid: pid, link: l}, nil
}

// Self opens the calling process.
func Self() (*Handle, error) { return Open(os.Getpid()) }

// PID is the number that the process has, or had while it lived.
func (h *Handle) PID() int { return h.pid }

// Alive reports whether any thread of the process still runs: false for a zombie and for what has been reaped, true
// for a process whose first thread has ended while others go on.
func (h *Handle) Alive() (bool, error) {
	alive, err := h.link.alive()
	return alive, h.wrap(err)
}

// Signal sends s to the process, 0 only checks. ErrNotFound means that it has been reaped, syscall.EPERM that it is
// there and not ours to signal. A zombie takes signals and ignores them.
func (h *Handle) Signal(s syscall.Signal) error { return h.wrap(h.link.signal(s)) }

// Wait returns nil once the process is no longer alive, child or not, and the cause of ctx if that ends first. It does
// not reap. On a pidfd it sleeps until the kernel wakes it.
func (h *Handle) Wait(ctx context.Context) error { return h.wrap(h.link.wait(ctx)) }

// Done is closed once the process is no longer alive. Close gives up the watch, and then it stays open for ever.
func (h *Handle) Done() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done == nil {
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		h.done, h.stop = done, stop
		go func() {
			if h.link.wait(ctx) == nil {
				close(done)
			}
		}()
	}
	return h.done
}

// Identity is who the process is, for a record. What cannot be found out is left zero; ErrNotFound if it was reaped.
func (h *Handle) Identity() (Identity, error) {
	id, err := h.link.identity()
	return id, h.wrap(err)
}

// Info describes the process for messages and conditions; ErrNotFound if it was reaped.
func (h *Handle) Info() (Info, error) {
	info, err := h.link.info()
	return info, h.wrap(err)
}

// State is the letter that ps(1) shows: D sleeps in the kernel and cannot be killed, T is stopped, Z a zombie. It is that
// of the first thread, or of another if that one alone has ended, and 0 where there is no /proc.
func (h *Handle) State() (State, error) {
	st, err := h.link.stat()
	if errors.Is(err, errNoProc) {
		return 0, nil
	}
	if err == nil && st.ended() && st.threads > 1 {
		other := threadState(h.pid)
		if held, err := h.link.held(); other != 0 && err == nil && held {
			st.state = other
		}
	}
	return st.state, h.wrap(err)
}

// Close lets go of the process. A Wait under way goes on, or fails with os.ErrClosed.
func (h *Handle) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stop != nil {
		h.stop()
	}
	return h.link.close()
}

func (h *Handle) wrap(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("process %d: %w", h.pid, err)
}
