//go:build !linux

package supervise

import "errors"

func setAttribute(int, string, string) error { return errors.ErrUnsupported }

func attribute(int, string) (string, error) { return "", errors.ErrUnsupported }
