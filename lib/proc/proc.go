// Package proc answers who a process is, whether it still lives, and signals that very process and no other.
//
// A PID is only a number: between any two looks at it the process may end and the number pass to a stranger. A Handle
// pins the process instead. Every fact is read after the handle was opened and is believed only if the process was
// still not reaped after the read: until then its PID cannot be reused.
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
	"time"

	"pidbox/lib/proc/procfs"
)

// ErrNotFound says that no process has the number, or that the one a handle is for has been reaped. A thread's id is
// not a process's number.
var ErrNotFound = errors.New("no such process")

// ErrNoProc says that there is no /proc of this PID namespace, or that the process is hidden in it.
var ErrNoProc = procfs.ErrNone

// Handle is one process, and stays that process when its number is reused. Its methods may be called concurrently, also
// with Close and after it: then they fail with os.ErrClosed, and never touch a file that got the descriptor's number.
type Handle struct {
	pid   int
	link  link
	life  context.Context // ends with Close, by os.ErrClosed
	close context.CancelCauseFunc
	watch sync.Once
	done  chan struct{}
}

func newHandle(pid int, l link) *Handle {
	life, end := context.WithCancelCause(context.Background())
	return &Handle{pid: pid, link: l, life: life, close: end, done: make(chan struct{})}
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
	stat() (procfs.Stat, error) // ErrNotFound when reaped, like the next three
	identity() (Identity, error)
	info() (Info, error)
	credentials() (Credentials, error)
	bind(value string) error
	bound() (string, bool)
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
	return newHandle(pid, l), nil
}

// Self opens the calling process.
func Self() (*Handle, error) { return Open(os.Getpid()) }

// PID is the number that the process has, or had while it lived.
func (h *Handle) PID() int { return h.pid }

// Alive reports whether any thread of the process still runs: false for a zombie and for what has been reaped, true
// for a process whose first thread has ended while others go on.
func (h *Handle) Alive() (bool, error) {
	if err := h.usable(); err != nil {
		return false, err
	}
	alive, err := h.link.alive()
	return alive, h.wrap(err)
}

// Signal sends s to the process, 0 only checks. ErrNotFound means that it has been reaped, syscall.EPERM that it is
// there and not ours to signal. A zombie takes signals and ignores them.
func (h *Handle) Signal(s syscall.Signal) error {
	if err := h.usable(); err != nil {
		return err
	}
	return h.wrap(h.link.signal(s))
}

// Resume sends CONT if the process is stopped, by a signal and not by a tracer: until then it sees no other one.
func (h *Handle) Resume() error {
	state, err := h.State()
	if err == nil && state == 'T' {
		err = h.Signal(syscall.SIGCONT)
	}
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// Wait returns nil once the process is no longer alive, child or not, the cause of ctx if that ends first, and
// os.ErrClosed if the handle is closed. It does not reap. On a pidfd it sleeps until the kernel wakes it.
func (h *Handle) Wait(ctx context.Context) error {
	if err := h.usable(); err != nil {
		return err
	}
	ctx, stop := until(ctx, h.life)
	defer stop()
	return h.wrap(h.link.wait(ctx))
}

// WaitFor is Wait for d at most: not gone says that the process is alive still. It is for pidfds, errors.ErrUnsupported
// elsewhere. The kernel keeps the time: the first timer of a Go program costs two descriptors and a thread that watches them.
func (h *Handle) WaitFor(ctx context.Context, d time.Duration) (gone bool, err error) {
	if err := h.usable(); err != nil {
		return false, err
	}
	link, is := h.link.(timed)
	if !is {
		return false, errors.ErrUnsupported
	}
	ctx, stop := until(ctx, h.life)
	defer stop()
	gone, err = link.waitFor(ctx, max(0, d))
	return gone, h.wrap(err)
}

// timed is a link whose kernel keeps the time of a wait.
type timed interface {
	waitFor(context.Context, time.Duration) (gone bool, err error)
}

// until is ctx, which ends with each of the lives as well, for the same cause.
func until(ctx context.Context, lives ...context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var stops []func() bool
	for _, life := range lives {
		stops = append(stops, context.AfterFunc(life, func() { cancel(context.Cause(life)) }))
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel(nil)
	}
}

// Done is closed once the process is no longer alive. Close gives up the watch, and then it stays open for ever.
func (h *Handle) Done() <-chan struct{} {
	h.watch.Do(func() {
		go func() {
			if h.link.wait(h.life) == nil {
				close(h.done)
			}
		}()
	})
	return h.done
}

// FD is a descriptor for poll(2), which is readable once the process is no longer alive, until Close; -1 where there is none.
// See Wait for what may show it as that for an instant.
func (h *Handle) FD() int {
	if link, is := h.link.(polled); is {
		return link.number()
	}
	return -1
}

// polled is a link that has a descriptor.
type polled interface{ number() int }

// Identity is who the process is, for a record. What cannot be found out is left zero; ErrNotFound if it was reaped.
func (h *Handle) Identity() (Identity, error) {
	if err := h.usable(); err != nil {
		return Identity{}, err
	}
	id, err := h.link.identity()
	return id, h.wrap(err)
}

// Compare judges whether the process is the one recorded; here is what Here gives. Of what the process is now it looks up
// only what that takes. ErrNotFound says that it was reaped.
func (h *Handle) Compare(recorded, here Identity) (v Verdict, now Identity, err error) {
	if err := h.usable(); err != nil {
		return Unknown, Identity{}, err
	}
	now, err = h.distinct()
	if err == nil && now.Start == 0 && recorded.Inode == 0 {
		var st procfs.Stat
		st, err = h.link.stat()
		now.Start = st.Start
	}
	if errors.Is(err, ErrNoProc) {
		err = nil
	}
	now.Boot, now.Namespace = here.Boot, here.Namespace
	return recorded.Compare(now), now, h.wrap(err)
}

// Info describes the process for messages and conditions; ErrNotFound if it was reaped.
func (h *Handle) Info() (Info, error) {
	if err := h.usable(); err != nil {
		return Info{}, err
	}
	info, err := h.link.info()
	return info, h.wrap(err)
}

// Credentials are the users of the process; ErrNotFound if it was reaped, ErrNoProc where they cannot be found out.
func (h *Handle) Credentials() (Credentials, error) {
	if err := h.usable(); err != nil {
		return nobody(), err
	}
	c, err := h.link.credentials()
	return c, h.wrap(err)
}

// Bind writes value on the process itself, where nobody without privilege in the first user namespace can forge it, and
// where it stays as long as the process. It fails with errors.ErrUnsupported where the kernel keeps no attributes on
// pidfds, or the caller lacks that privilege. Linux 6.18 does.
func (h *Handle) Bind(value string) error {
	if err := h.usable(); err != nil {
		return err
	}
	return h.wrap(h.link.bind(value))
}

// Bound is the value that Bind wrote on the process; ok is false if there is none to be seen.
func (h *Handle) Bound() (value string, ok bool) {
	if h.usable() != nil {
		return "", false
	}
	return h.link.bound()
}

// State is the letter that ps(1) shows: D sleeps in the kernel and cannot be killed, T is stopped, Z a zombie. It is that
// of the first thread, or of another if that one alone has ended, and 0 where there is no /proc.
func (h *Handle) State() (State, error) {
	if err := h.usable(); err != nil {
		return 0, err
	}
	st, err := h.link.stat()
	if errors.Is(err, ErrNoProc) {
		return 0, nil
	}
	if err == nil && st.Ended() && st.Threads > 1 {
		other := procfs.ThreadState(h.pid)
		if held, err := h.link.held(); other != 0 && err == nil && held {
			st.State = other
		}
	}
	return st.State, h.wrap(err)
}

// Executed reports whether the process has executed a program since it was forked; ErrNoProc where that is not known.
func (h *Handle) Executed() (bool, error) {
	const forkedNoExec = 0x40 // PF_FORKNOEXEC, which an execve(2) takes away before it closes any descriptor
	if err := h.usable(); err != nil {
		return false, err
	}
	st, err := h.link.stat()
	return st.Flags&forkedNoExec == 0, h.wrap(err)
}

// group is that of the process, also where there is no /proc.
func (h *Handle) group() (int, error) {
	st, err := h.link.stat()
	if errors.Is(err, ErrNoProc) {
		if st, err = bare(h.pid).stat(); err == nil {
			var held bool
			if held, err = h.link.held(); err == nil && !held {
				err = ErrNotFound
			}
		}
	}
	return st.Group, err
}

// Close lets go of the process. A Wait under way fails with os.ErrClosed; Close does not wait for it.
func (h *Handle) Close() error {
	h.close(os.ErrClosed)
	return h.link.close()
}

func (h *Handle) usable() error {
	if h.life.Err() != nil {
		return fmt.Errorf("process %d: %w", h.pid, os.ErrClosed)
	}
	return nil
}

func (h *Handle) wrap(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("process %d: %w", h.pid, err)
}
