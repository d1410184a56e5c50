package agent

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"pidbox/lib/fault/cut"
)

// filler is a file without a name that takes the free space: the kernel gives it back when the descriptor is closed,
// so that a killed agent leaves no full disk behind.
type filler struct {
	file  *os.File
	bytes uint64
	leave uint64
}

func fill(root *os.Root, leave uint64) (*filler, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	fd, err := unix.Openat(int(dir.Fd()), ".", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) {
		return nil, refuse(501, "fill: %w: this file system does not support O_TMPFILE", cut.ErrUnsupported)
	}
	if err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	f := &filler{file: os.NewFile(uintptr(fd), "filler")}
	f.leave = leave
	if _, err := f.top(); err != nil && f.bytes == 0 {
		f.close()
		if errors.Is(err, unix.EOPNOTSUPP) {
			return nil, refuse(501, "fill: %w: this file system does not support fallocate", cut.ErrUnsupported)
		}
		return nil, fmt.Errorf("fill: %w", err)
	}
	if f.bytes == 0 {
		f.close()
		return nil, refuse(409, "fill: less than %d bytes are free", leave)
	}
	return f, nil
}

// top takes what is free, also what has become free since, and returns what it could not get.
func (f *filler) top() (free uint64, err error) {
	for {
		var s unix.Statfs_t
		if err := unix.Fstatfs(int(f.file.Fd()), &s); err != nil {
			return 0, err
		}
		blocks := s.Bavail
		if f.leave == 0 && os.Geteuid() == 0 {
			blocks = s.Bfree // the reserve as well, for the member may be root too
		}
		if free = blocks * uint64(s.Bsize); free <= f.leave {
			return free, nil
		}
		if took, err := f.take(free-f.leave, uint64(s.Bsize)); err != nil || !took {
			return free, err
		}
	}
}

// take takes n bytes, or as much less as the file system gives, and says whether it took any.
func (f *filler) take(n, block uint64) (bool, error) {
	for ; n >= block; n /= 2 {
		err := unix.Fallocate(int(f.file.Fd()), 0, int64(f.bytes), int64(n))
		if err == nil {
			f.bytes += n
			return true, nil
		}
		if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EFBIG) {
			return false, err
		}
	}
	return false, nil
}

func (f *filler) close() {
	if f != nil {
		f.file.Close()
	}
}
