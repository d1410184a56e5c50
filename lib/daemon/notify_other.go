//go:build !linux

package daemon

import (
	"context"
	"errors"
	"fmt"

	"pidbox/lib/spawn"
)

// NotifySocket needs Linux, which tells who sent a message.
func NotifySocket() Readiness { return notify{} }

type notify struct{}

func (notify) open(*spawn.Command) error {
	return fmt.Errorf("readiness by sd_notify: %w", errors.ErrUnsupported)
}
func (notify) await(context.Context, *start, func(event)) {}
func (notify) forks() bool                                { return false }
func (notify) close()                                     {}
