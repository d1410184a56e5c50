package spawn

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Inherited is copies of the descriptors that an exec of this process would pass on: the standard ones, and others by
// their number. close closes them.
func Inherited() (std [3]*os.File, others map[int]*os.File, close func(), err error) {
	others = map[int]*os.File{}
	close = func() {
		for _, f := range std {
			f.Close() // a nil file may be closed
		}
		for _, f := range others {
			f.Close()
		}
	}
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return std, others, close, err
	}
	for _, entry := range dir {
		fd, err := strconv.Atoi(entry.Name())
		flags, failed := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || failed != nil || flags&unix.FD_CLOEXEC != 0 {
			continue
		}
		copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			close()
			return std, others, close, os.NewSyscallError("fcntl", err)
		}
		if f := os.NewFile(uintptr(copied), entry.Name()); fd < len(std) {
			std[fd] = f
		} else {
			others[fd] = f
		}
	}
	return std, others, close, nil
}
