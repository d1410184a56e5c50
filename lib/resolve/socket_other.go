//go:build !linux

package resolve

import (
	"context"
	"errors"
	"net"
)

// Socket needs Linux, where a directory that is open has a path.
type Socket struct{ *net.UnixListener }

// Listen needs Linux.
func (p *Place) Listen(uint32) (*Socket, error) { return nil, errors.ErrUnsupported }

// Discard needs Linux.
func (p *Place) Discard() error { return errors.ErrUnsupported }

// Dial needs Linux.
func (p *Place) Dial(context.Context) (*net.UnixConn, error) { return nil, errors.ErrUnsupported }
