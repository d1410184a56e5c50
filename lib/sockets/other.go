//go:build !linux

package sockets

import (
	"errors"

	"pidbox/lib/resolve"
)

func Listen(Address, resolve.Policy) (*Socket, error) { return nil, errors.ErrUnsupported }
func Inherited() (Set, error)                         { return nil, errors.ErrUnsupported }
func TakeBack(Address, Record, []int, resolve.Policy) (*Socket, error) {
	return nil, errors.ErrUnsupported
}
