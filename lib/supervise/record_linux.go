package supervise

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// attributes are tried in turn: tmpfs takes the first from Linux 6.6, the second of the privileged before.
func attributes() []string { return []string{"user.pidbox.command", "trusted.pidbox.command"} }

func setAttribute(fd int, path, value string) error {
	for _, name := range attributes() {
		switch err := unix.Fsetxattr(fd, name, []byte(value), 0); err {
		case nil:
			return nil
		case unix.ENOTSUP, unix.EPERM, unix.ENOSPC:
		default:
			return fmt.Errorf("%s: attribute %s: %w", path, name, err)
		}
	}
	return errors.ErrUnsupported
}

func attribute(fd int, path string) (string, error) {
	buf := make([]byte, recordLimit)
	for _, name := range attributes() {
		switch n, err := unix.Fgetxattr(fd, name, buf); err {
		case nil:
			return string(buf[:n]), nil
		case unix.ENODATA, unix.ENOTSUP, unix.EPERM:
		default:
			return "", &fs.PathError{Op: "read attribute " + name, Path: path, Err: err}
		}
	}
	return "", errors.ErrUnsupported
}
