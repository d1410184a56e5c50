package supervise

import (
	"net"

	"golang.org/x/sys/unix"
)

// peer is who connected, or who called listen(2): unix(7).
func peer(c *net.UnixConn) (*unix.Ucred, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err != nil {
		return nil, err
	}
	return cred, failed
}

func peerUser(c *net.UnixConn) (int, error) {
	cred, err := peer(c)
	if err != nil {
		return -1, err
	}
	return int(cred.Uid), nil
}

func peerPID(c *net.UnixConn) (int, error) {
	cred, err := peer(c)
	if err != nil {
		return 0, err
	}
	return int(cred.Pid), nil
}
