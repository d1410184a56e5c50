package proc

import (
	"errors"

	"golang.org/x/sys/unix"
)

// bindingName is an attribute of the process itself, which pidfs keeps for as long as it lives: Linux 6.18.
const bindingName = "trusted.pidbox.file"

// Bind keeps a value with the process, until its end or the next call; an empty one is none. It needs CAP_SYS_ADMIN, so
// that nobody else can have written what Binding reads. errors.ErrUnsupported says that the kernel keeps none.
func (h *Handle) Bind(value string) error {
	p, ok := h.link.(*pidfd)
	if !ok {
		return errors.ErrUnsupported
	}
	return p.with(func(fd int) error {
		if pidfsInode(fd) == 0 {
			return errors.ErrUnsupported
		}
		if value == "" {
			return unix.Fremovexattr(fd, bindingName)
		}
		return unix.Fsetxattr(fd, bindingName, []byte(value), 0)
	})
}

// Binding is the value that Bind left, or empty.
func (h *Handle) Binding() (value string, err error) {
	p, ok := h.link.(*pidfd)
	if !ok {
		return "", errors.ErrUnsupported
	}
	err = p.with(func(fd int) error {
		var buf [512]byte
		n, err := unix.Fgetxattr(fd, bindingName, buf[:])
		if err == nil && pidfsInode(fd) != 0 {
			value = string(buf[:n])
		}
		return err
	})
	return value, err
}
