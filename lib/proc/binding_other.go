//go:build !linux

package proc

import "errors"

// Bind keeps a value with the process, which only Linux can.
func (h *Handle) Bind(string) error { return errors.ErrUnsupported }

// Binding is the value that Bind left.
func (h *Handle) Binding() (string, error) { return "", errors.ErrUnsupported }
