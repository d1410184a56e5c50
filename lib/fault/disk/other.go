//go:build !linux

package disk

import (
	"fmt"
	"io"
)

// Serve serves nothing: it is for Linux.
func Serve(Config, io.Writer) error { return fmt.Errorf("%w: it needs Linux", ErrUnsupported) }

// Revive does nothing: there is nothing to revive.
func Revive(string) error { return nil }

// Flush does nothing: there is no file system of ours.
func Flush(string) error { return nil }
