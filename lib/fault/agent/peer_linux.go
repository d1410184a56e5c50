package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// From linux/inet_diag.h and linux/tcp_states.h.
const (
	diagRequestLen = 56
	diagUID        = 64 // offsets in struct inet_diag_msg
	diagInode      = 68
	established    = 1
)

// userOf is who has the other end of a connection within this machine, asked of the kernel by sock_diag(7). An end that was
// closed meanwhile has no user: the kernel would say 0 of it.
func userOf(c net.Conn) (int, error) {
	theirs, err1 := netip.ParseAddrPort(c.RemoteAddr().String())
	ours, err2 := netip.ParseAddrPort(c.LocalAddr().String())
	if err := errors.Join(err1, err2); err != nil {
		return -1, err
	}
	request := make([]byte, diagRequestLen)
	request[0], request[1] = unix.AF_INET6, unix.IPPROTO_TCP
	from, to := theirs.Addr().Unmap(), ours.Addr().Unmap()
	if from.Is4() {
		request[0] = unix.AF_INET
	}
	binary.NativeEndian.PutUint32(request[4:], 1<<established)
	binary.BigEndian.PutUint16(request[8:], theirs.Port())
	binary.BigEndian.PutUint16(request[10:], ours.Port())
	copy(request[12:28], from.AsSlice())
	copy(request[28:44], to.AsSlice())
	for i := 48; i < 56; i++ {
		request[i] = 0xff // no cookie
	}
	diag, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, nil)
	if err != nil {
		return -1, err
	}
	defer diag.Close()
	answers, err := diag.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.SOCK_DIAG_BY_FAMILY, Flags: netlink.Request}, Data: request})
	if err != nil {
		return -1, fmt.Errorf("sock_diag: %w", err)
	}
	for _, a := range answers {
		if len(a.Data) < diagInode+4 {
			continue
		}
		if a.Data[1] != established || binary.NativeEndian.Uint32(a.Data[diagInode:]) == 0 {
			return -1, errors.New("the connection is half closed")
		}
		return int(binary.NativeEndian.Uint32(a.Data[diagUID:])), nil
	}
	return -1, errors.New("sock_diag: no such connection")
}

// processOf is the process that connected a UNIX socket, and its user.
func processOf(c *net.UnixConn) (pid, uid int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, -1, err
	}
	var cred *unix.Ucred
	if failed := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); failed != nil {
		return 0, -1, failed
	}
	if err != nil {
		return 0, -1, err
	}
	return int(cred.Pid), int(cred.Uid), nil
}
