// Package cut breaks the network between a member and its peers with nftables, in one table of its own.
//
// Packets are matched by the peer's address, in both directions and whatever their protocol: a cut by port lets the
// connections through that the member itself has made, and an isolated leader goes on committing. The addresses
// stand in sets whose elements time out, so that the kernel heals every fault by itself after its hold, also
// when the process that made it was killed. Packets of the agent's own TCP port always pass.
//
// What is delayed, reordered or garbled needs somebody to hold the packets, on receipt: they go to this process by NFQUEUE with the bypass flag, so that they
// pass at once when it is gone. Loss and rate drop; they do not queue.
package cut

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"pidbox/lib/fault"
)

// ErrUnsupported is wrapped by the error of a fault that this kernel, system or user cannot have.
var ErrUnsupported = errors.New("not supported here")

// Rule is one network fault, its addresses parsed.
type Rule struct {
	fault.Spec
	Addrs []netip.Addr
}

// OnReceipt says that a fault works on packets that are received only. A packet that is held on its way out stays charged to
// its socket, and TCP sends no more than a few of those: a delay there is a limit of bandwidth, 0.3 MB/s where there were 44
// to 116.
func OnReceipt(k fault.Kind) bool {
	return k == fault.Slow || k == fault.Reorder || k == fault.Garble || k == fault.Repeat
}

// Parse checks a network fault and its numbers.
func Parse(s fault.Spec) (Rule, error) {
	r := Rule{Spec: s}
	switch s.Direction {
	case "", fault.Both, fault.In, fault.Out:
	default:
		return r, fmt.Errorf("direction %q is not both, in or out", s.Direction)
	}
	if OnReceipt(s.Kind) && s.Direction == fault.Out {
		return r, fmt.Errorf("%s works on receipt only: ask the agents of the peers, with direction in", s.Kind)
	}
	switch s.Kind {
	case fault.Drop, fault.Reset:
	case fault.Garble, fault.Repeat:
		if !(s.Percent >= 0.01 && s.Percent <= 100) {
			return r, fmt.Errorf("%s of %v percent is not within 0.01 to 100", s.Kind, s.Percent)
		}
	case fault.Reorder:
		if !(s.Percent >= 0.01 && s.Percent <= 99) {
			return r, fmt.Errorf("reorder of %v percent is not within 0.01 to 99", s.Percent)
		}
		if s.Delay <= 0 || time.Duration(s.Delay) > time.Minute {
			return r, fmt.Errorf("delay of %v is not within 1ns to 1m", s.Delay)
		}
	case fault.Loss:
		if !(s.Percent >= 0.01 && s.Percent <= 100) {
			return r, fmt.Errorf("loss of %v percent is not within 0.01 to 100", s.Percent)
		}
	case fault.Rate:
		if s.Rate == 0 || s.Rate > 1<<40 {
			return r, fmt.Errorf("rate of %d bytes a second is not within 1 to 2^40", s.Rate)
		}
	case fault.Slow:
		if s.Delay <= 0 || time.Duration(s.Delay) > time.Minute {
			return r, fmt.Errorf("delay of %v is not within 1ns to 1m", s.Delay)
		}
		if s.Jitter < 0 || s.Jitter > s.Delay {
			return r, fmt.Errorf("jitter of %v is not within 0s to the delay of %v", s.Jitter, s.Delay)
		}
	default:
		return r, fmt.Errorf("%q is not a network fault", s.Kind)
	}
	if len(s.Peers) == 0 || len(s.Peers) > 1024 {
		return r, fmt.Errorf("%s needs 1 to 1024 peers, has %d", s.Kind, len(s.Peers))
	}
	seen := map[netip.Addr]bool{}
	for _, p := range s.Peers {
		a, err := netip.ParseAddr(p)
		if err != nil || a.Zone() != "" {
			return r, fmt.Errorf("peer %q is not an IP address", p)
		}
		if a = a.Unmap(); !seen[a] {
			seen[a] = true
			r.Addrs = append(r.Addrs, a)
		}
	}
	if time.Duration(s.Hold) < time.Millisecond {
		return r, fmt.Errorf("%s needs a hold", s.Kind)
	}
	return r, nil
}
