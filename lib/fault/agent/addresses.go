package agent

import (
	"net"
	"net/netip"
	"slices"
)

// addresses are those by which others may reach this machine, or network namespace: not loopback's, not link-local ones, not
// of an interface that is down.
func addresses() []string {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var found []string
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		list, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, one := range list {
			p, err := netip.ParsePrefix(one.String())
			if err != nil {
				continue
			}
			if a := p.Addr().Unmap(); a.IsGlobalUnicast() {
				found = append(found, a.String())
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
