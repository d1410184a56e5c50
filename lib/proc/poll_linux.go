package proc

import (
	"context"
	"errors"
	"math"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc/procfs"
)

// pollUntil blocks in poll(2) until one of the pidfds is ready: one thread, and no ticking. The end of ctx wakes it
// through an eventfd, which is made only if none is ready yet.
func pollUntil(ctx context.Context, fds []int) error {
	_, err := pollWithin(ctx, fds, forever)
	return err
}

// forever is no limit.
const forever time.Duration = -1

// pollWithin is pollUntil, and false when none was ready within the limit.
func pollWithin(ctx context.Context, fds []int, limit time.Duration) (bool, error) {
	if ready, err := poll(fds, -1, 0); err != nil || ready || limit == 0 {
		return ready, err
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return false, os.NewSyscallError("eventfd", err)
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		unix.Write(wake, []byte{1, 1, 1, 1, 1, 1, 1, 1}) // any number but 0; it cannot fail on a fresh counter
		close(woken)
	})
	ready, err := poll(fds, wake, limit)
	if !stop() {
		<-woken // before its number is another file's
	}
	unix.Close(wake)
	if err == nil && !ready && ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	return ready, err
}

// poll reports whether one of fds became ready before wake, which may be -1, or the limit. That is believed when it stays so:
// while a thread that is not the first executes a program, it takes the place of the first, which has ended, and Linux 6.18
// may show its pidfd as ready for an instant, though the process goes on.
func poll(fds []int, wake int, limit time.Duration) (bool, error) {
	all := make([]unix.PollFd, 0, len(fds)+1)
	for _, fd := range append(fds, wake) {
		all = append(all, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	for began := time.Now(); ; {
		_, err := unix.Poll(all, milliseconds(limit, began))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return false, os.NewSyscallError("poll", err)
		}
		for i := range fds {
			if all[i].Revents == 0 {
				continue
			}
			if stays, err := stays(all[i]); err != nil || stays {
				return stays, err
			}
		}
		if all[len(fds)].Revents != 0 || limit != forever && time.Since(began) >= limit {
			return false, nil
		}
	}
}

// milliseconds is what is left of a limit, rounded up, as poll(2) takes it: -1 for none. A longer one than it takes is waited
// for in parts.
func milliseconds(limit time.Duration, began time.Time) int {
	if limit <= 0 {
		return int(limit)
	}
	left := min(max(0, limit-time.Since(began)), math.MaxInt32*time.Millisecond)
	return int((left + time.Millisecond - 1) / time.Millisecond)
}

// stays looks at one that was ready twice more.
func stays(fd unix.PollFd) (bool, error) {
	for check := 0; check < 2; {
		n, err := unix.Poll([]unix.PollFd{fd}, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return false, os.NewSyscallError("poll", err)
		case n == 0:
			return false, nil
		}
		check++
	}
	if fd.Revents&unix.POLLNVAL != 0 {
		return false, unix.EBADF
	}
	return true, nil
}

// awaitOne returns once one of several processes is no longer alive.
func awaitOne(ctx context.Context, handles []*Handle) error {
	fds := make([]int, 0, len(handles)+1)
	for _, h := range handles {
		p, is := h.link.(*pidfd)
		if !is {
			return sleepUntilOne(ctx, handles)
		}
		fd, back, err := p.lend()
		if err != nil {
			return h.wrap(err)
		}
		defer back()
		fds = append(fds, fd)
	}
	return pollUntil(ctx, fds)
}

// room is how many descriptors there are for the members of a family. Before they are taken the runtime gets its own,
// which it wants for its first timer, and without which it aborts.
func room() (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, os.NewSyscallError("getrlimit", err)
	}
	used := 64 // where /proc does not tell
	if open, err := procfs.Open(); err == nil {
		used = open
	}
	free := int(min(limit.Cur, math.MaxInt32)) - used
	if free < needed {
		return 0, os.NewSyscallError("open /proc", unix.EMFILE)
	}
	time.AfterFunc(time.Hour, func() {}).Stop()
	return max(1, free-spare), nil
}

const (
	needed = 8  // the runtime's, and what a look at a process opens for a moment
	spare  = 16 // the same, with the pipe of a freeze, and some for the caller
)
