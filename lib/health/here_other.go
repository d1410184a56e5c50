//go:build !linux

package health

import (
	"errors"
	"net"
	"net/netip"
)

func connectHere([]netip.AddrPort) (net.Conn, error) { return nil, errors.ErrUnsupported }
