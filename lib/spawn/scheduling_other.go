//go:build !linux

package spawn

import "errors"

// Niceness is the nice value of this process.
func Niceness() (int, error) { return 0, errors.ErrUnsupported }
