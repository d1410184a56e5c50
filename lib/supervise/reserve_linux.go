package supervise

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc/procfs"
)

// forAStop is how many descriptors a stop may want at once.
const forAStop = 8

// reserve are the descriptors of a stop, had beforehand: later all may be in use.
type reserve struct {
	mu    sync.Mutex
	fds   []int
	limit *unix.Rlimit // what there was before it was raised
}

// hold takes them; where that fails it has as many as there are.
func (r *reserve) hold() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.limit != nil {
		_ = unix.Prlimit(0, unix.RLIMIT_NOFILE, r.limit, nil)
		r.limit = nil
	}
	for len(r.fds) < forAStop {
		fd, err := procfs.OpenFile(os.DevNull, unix.O_RDONLY)
		if err != nil {
			return err
		}
		r.fds = append(r.fds, fd)
	}
	return nil
}

// free lets go of them.
func (r *reserve) free() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, fd := range r.fds {
		unix.Close(fd)
	}
	r.fds = nil
}

// raise lifts the limit until the next hold, for a stop that fails all the same: it was lowered under us, by prlimit(1).
func (r *reserve) raise() {
	r.mu.Lock()
	defer r.mu.Unlock()
	var was unix.Rlimit
	if r.limit != nil || unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &was) != nil {
		return
	}
	const enough = 1024
	most := max(was.Max, enough) // root may have more than that
	for _, to := range []unix.Rlimit{{Cur: most, Max: most}, {Cur: was.Max, Max: was.Max}} {
		if unix.Prlimit(0, unix.RLIMIT_NOFILE, &to, nil) == nil {
			r.limit = &was
			return
		}
	}
}
