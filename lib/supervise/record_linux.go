package supervise

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// attributes are tried in turn: tmpfs takes the first from Linux 6.6, the second of the privileged before.
func attributes() []string { return []string{"user.pidbox.command", "trusted.pidbox.command"} }

func setAttribute(path, value string) error {
	return setFirst(path, func(name string) error { return unix.Lsetxattr(path, name, []byte(value), 0) })
}

func setAttributeOf(fd int, path, value string) error {
	return setFirst(path, func(name string) error { return unix.Fsetxattr(fd, name, []byte(value), 0) })
}

func setFirst(path string, set func(name string) error) error {
	for _, name := range attributes() {
		switch err := set(name); err {
		case nil:
			return nil
		case unix.ENOTSUP, unix.EPERM, unix.ENOSPC:
		default:
			return fmt.Errorf("%s: attribute %s: %w", path, name, err)
		}
	}
	return errors.ErrUnsupported
}

func attribute(path string) (string, error) {
	buf := make([]byte, recordLimit)
	for _, name := range attributes() {
		switch n, err := unix.Lgetxattr(path, name, buf); err {
		case nil:
			return string(buf[:n]), nil
		case unix.ENODATA, unix.ENOTSUP, unix.EPERM:
		default:
			return "", &fs.PathError{Op: "read attribute " + name, Path: path, Err: err}
		}
	}
	return "", errors.ErrUnsupported
}

func openNoFollow(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
}
