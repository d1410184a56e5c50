package listener

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// TCP gives the sockets to which a connection to address comes: those bound to the address itself, or else those bound to
// all. Several share it by SO_REUSEPORT. An address that is not of our network namespace is looked for in those of the
// processes.
func TCP(address netip.AddrPort, pids []int) ([]Socket, error) {
	address = netip.AddrPortFrom(address.Addr().Unmap().WithZone(""), address.Port())
	if address.Addr().IsUnspecified() { // connects to loopback
		loopback := netip.IPv6Loopback()
		if address.Addr().Is4() {
			loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
		address = netip.AddrPortFrom(loopback, address.Port())
	}
	var bound []binding
	var err error
	if Own(address.Addr()) {
		if bound, err = dumpTCP(address.Port()); err != nil { // a kernel without it, or a filter of system calls
			bound, err = table("/proc/self", address.Port())
		}
	} else {
		bound, err = elsewhere(address, pids)
	}
	if err != nil {
		return nil, err
	}
	if best := preferred(bound, address.Addr()); len(best) > 0 {
		return best, nil
	}
	return nil, ErrUnseen
}

// binding is a listening socket with the address that it is bound to.
type binding struct {
	Socket
	ip  netip.Addr // as bound: an unspecified one takes all
	six bool       // a socket of IPv6, which may take IPv4 as well
	v6  bool       // and does not (IPV6_V6ONLY)
}

// preferred are those that the kernel prefers for an address: bound to it rather than to all, of its family rather than
// of the other.
func preferred(all []binding, ip netip.Addr) (best []Socket) {
	most := 0
	for _, b := range all {
		rank := 1
		switch {
		case b.ip.Unmap() == ip:
			rank += 2
		case !b.ip.IsUnspecified(), b.six && b.v6 && ip.Is4(), !b.six && ip.Is6():
			continue
		}
		if b.six == ip.Is6() {
			rank++
		}
		if rank > most {
			most, best = rank, nil
		}
		if rank == most && b.Inode != 0 {
			best = append(best, b.Socket)
		}
	}
	return best
}

// dumpTCP asks the kernel for the sockets that listen on a port: inet_diag.h.
func dumpTCP(port uint16) (all []binding, err error) {
	const listen = 1 << 10 // TCP_LISTEN
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		request := make([]byte, 56)
		request[0], request[1] = family, unix.IPPROTO_TCP
		binary.NativeEndian.PutUint32(request[4:], listen)
		binary.BigEndian.PutUint16(request[8:], port)
		err := dump(request, func(m []byte) {
			const length, v6only = 72, 11 // INET_DIAG_SKV6ONLY
			if len(m) < length || binary.BigEndian.Uint16(m[4:]) != port {
				return
			}
			b := binding{six: m[0] == unix.AF_INET6}
			b.UID = int(int32(binary.NativeEndian.Uint32(m[64:])))
			b.Inode = uint64(binary.NativeEndian.Uint32(m[68:]))
			if b.six {
				b.ip = netip.AddrFrom16([16]byte(m[8:24]))
			} else {
				b.ip = netip.AddrFrom4([4]byte(m[8:12]))
			}
			attributes(m[length:], func(kind uint16, value []byte) {
				if kind == v6only && len(value) > 0 {
					b.v6 = value[0] != 0
				}
			})
			all = append(all, b)
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}
