//go:build !linux

package agent

import (
	"errors"
	"net"
)

func userOf(net.Conn) (int, error)                    { return -1, errors.ErrUnsupported }
func processOf(*net.UnixConn) (pid, uid int, _ error) { return 0, -1, errors.ErrUnsupported }
