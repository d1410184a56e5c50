//go:build !linux

package listener

import (
	"errors"
	"net/netip"
)

// TCP is Linux's alone.
func TCP(netip.AddrPort, []int) ([]Socket, error) { return nil, errors.ErrUnsupported }

// UNIX is Linux's alone.
func UNIX(string) ([]Socket, error) { return nil, errors.ErrUnsupported }

// Acceptor is Linux's alone.
func Acceptor(string) (int, error) { return 0, errors.ErrUnsupported }

// Strike is Linux's alone.
func Strike(int, map[uint64]Socket) error { return errors.ErrUnsupported }

// Holder is Linux's alone.
func Holder(Socket) int { return 0 }
