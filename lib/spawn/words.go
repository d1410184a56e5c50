package spawn

import (
	"errors"
	"strings"
	"syscall"
)

// Words is what the system says of an error, as strerror(3), without the call and the path; or else the error itself.
func Words(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		text := errno.Error()
		return errors.New(strings.ToUpper(text[:1]) + text[1:])
	}
	return err
}
