//go:build !linux

package notify

import (
	"errors"
	"net"
)

// Socket needs Linux: other kernels do not say who has sent a message.
type Socket struct{}

// Listen needs Linux.
func Listen() (*Socket, error) { return nil, errors.ErrUnsupported }

// Address is empty.
func (*Socket) Address() string { return "" }

// Receive needs Linux.
func (*Socket) Receive() (*Message, error) { return nil, net.ErrClosed }

// Pending is never true.
func (*Socket) Pending() bool { return false }

// Interrupt does nothing.
func (*Socket) Interrupt() {}

// Resume does nothing.
func (*Socket) Resume() {}

// Close does nothing.
func (*Socket) Close() error { return nil }
