//go:build !linux

package supervise

import (
	"errors"
	"net"
)

// Elsewhere the mode of the socket and of its directory are the guard.

func peerUser(*net.UnixConn) (int, error) { return -1, errors.ErrUnsupported }

func peerPID(*net.UnixConn) (int, error) { return 0, errors.ErrUnsupported }
