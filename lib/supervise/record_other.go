//go:build !linux

package supervise

import (
	"errors"
	"os"
	"syscall"
)

func setAttribute(string, string) error { return errors.ErrUnsupported }

func setAttributeOf(int, string, string) error { return errors.ErrUnsupported }

func attribute(string) (string, error) { return "", errors.ErrUnsupported }

func openNoFollow(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}
