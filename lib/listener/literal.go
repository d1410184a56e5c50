package listener

import (
	"net/netip"
	"strconv"
	"strings"
)

// Literal is the address that a host is, if it is none by name: as netip has it, or in a way of inet_aton(3), which is what
// other programs take: 127.1, 0x7f000001.
func Literal(host string) (netip.Addr, bool) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip, true
	}
	const bytes, bits = 4, 8
	parts := strings.Split(host, ".")
	if len(parts) > bytes {
		return netip.Addr{}, false
	}
	var all uint64
	for i, part := range parts {
		room := bits // of a part, the last of which fills what is left
		if i == len(parts)-1 {
			room = bits * (bytes - i)
		}
		base, digits := 10, part
		switch {
		case strings.HasPrefix(part, "0x") || strings.HasPrefix(part, "0X"):
			base, digits = 16, part[2:]
		case strings.HasPrefix(part, "0"):
			base = 8
		}
		n, err := strconv.ParseUint(digits, base, room)
		if err != nil {
			return netip.Addr{}, false
		}
		all = all<<room | n
	}
	return netip.AddrFrom4([bytes]byte{byte(all >> 24), byte(all >> 16), byte(all >> 8), byte(all)}), true
}
