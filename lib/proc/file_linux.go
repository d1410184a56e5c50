package proc

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// File is a copy of a descriptor of the process, which is close-on-exec. It takes the right to trace the process:
// pidfd_getfd(2).
func (h *Handle) File(number int) (*os.File, error) {
	p, is := h.link.(*pidfd)
	if !is {
		return nil, h.wrap(os.NewSyscallError("pidfd_getfd", unix.ENOSYS))
	}
	copied := -1
	err := p.with(func(fd int) (err error) {
		copied, err = unix.PidfdGetfd(fd, number, 0)
		return os.NewSyscallError("pidfd_getfd", err)
	})
	if err != nil {
		return nil, h.wrap(err)
	}
	return os.NewFile(uintptr(copied), strconv.Itoa(number)), nil
}
