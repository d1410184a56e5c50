package multicall

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// spare is how many descriptors an applet may need at once besides those it was given.
const spare = 6

// enoughDescriptors fails where spare descriptors cannot be opened. Later that would be an error like any other, but for
// the Go runtime: it wants two for the first timer, and where they are not to be had it aborts with its own status, 2.
func enoughDescriptors() error {
	if plenty() {
		return nil
	}
	for range spare {
		fd, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
		if errors.Is(err, unix.EMFILE) {
			return fmt.Errorf("fewer than %d descriptors are left: %w", spare, err)
		}
		if err != nil {
			return nil // nothing to try it with
		}
		defer unix.Close(fd)
	}
	return nil
}

// plenty says so by the count that Linux 6.2 and later give as the size of that directory, which saves the trial.
func plenty() bool {
	var open unix.Stat_t
	var limit unix.Rlimit
	return unix.Stat("/proc/self/fd", &open) == nil && open.Size > 0 && unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil &&
		uint64(open.Size)+spare <= uint64(limit.Cur)
}
