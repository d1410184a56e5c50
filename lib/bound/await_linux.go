package bound

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// await sleeps until a signal comes, one of the descriptors is ready, a negative one never, or until then, zero for never. It
// may return early. One poll(2) of one thread is for everything: where the first goroutine is bound to its thread, a change to
// another goroutine is one of threads too, by the kernel.
func (r *run) await(until time.Time, fds ...unix.PollFd) (ready []bool) {
	fds = append(fds, readable(r.FD()))
	var limit *unix.Timespec
	if !until.IsZero() {
		left := unix.NsecToTimespec(max(0, time.Until(until)).Nanoseconds())
		limit = &left
	}
	if _, err := unix.Ppoll(fds, limit, nil); err != nil && !errors.Is(err, unix.EINTR) {
		time.Sleep(time.Millisecond) // for want of memory
	}
	for _, fd := range fds {
		ready = append(ready, fd.Revents != 0)
	}
	return ready
}

func readable(fd int) unix.PollFd { return unix.PollFd{Fd: int32(fd), Events: unix.POLLIN} }

// after wakes await once a channel is closed.
func (r *run) after(c <-chan struct{}) {
	go func() {
		<-c
		r.Ring()
	}()
}

// awaitExit waits for a process, by its descriptor, for so long at most. The kernel keeps the time: the first timer of a Go program
// costs two descriptors and a thread that watches them.
func awaitExit(fd int, limit time.Duration) {
	for end := time.Now().Add(limit); !gone(readable(fd)) && !passed(end); {
		left := unix.NsecToTimespec(max(0, time.Until(end)).Nanoseconds())
		_, _ = unix.Ppoll([]unix.PollFd{readable(fd)}, &left, nil)
	}
}

// gone says that a descriptor stays ready: see proc.Handle.FD.
func gone(owner unix.PollFd) bool {
	for range 2 {
		if n, err := unix.Poll([]unix.PollFd{owner}, 0); err != nil || n == 0 {
			return false
		}
	}
	return true
}

func passed(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

// sooner is the earlier of two times, of which zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
