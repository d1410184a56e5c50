// Package listener tells whose a listening socket is: which sockets a connection to an address comes to, and which
// processes have them open. The kernel is asked by address (sock_diag(7)), the processes by /proc/PID/fd.
//
// It is a look at one moment. A socket that several processes share, such as that of a server's workers, is held by each
// of them. What /proc hides from the caller is not seen: an error, and not an answer.
package listener

import (
	"errors"
	"net"
	"net/netip"
	"slices"
)

// Socket is one that listens.
type Socket struct {
	Inode uint64 // by which /proc/PID/fd names it
	UID   int    // whose it is; -1: not known
}

// ErrUnseen says that who listens cannot be seen: the address is none of this machine, or something else than a listening
// socket takes its connections, for example a rule of the kernel's.
var ErrUnseen = errors.New("it cannot be seen who listens")

// Own says that an address is one of our network namespace.
func Own(ip netip.Addr) bool {
	if ip = ip.Unmap().WithZone(""); ip.IsLoopback() || ip.IsUnspecified() {
		return true
	}
	all, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(all, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap().WithZone("") == ip
	})
}
