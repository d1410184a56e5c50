package health

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"pidbox/lib/listener"
)

// resolver finds the addresses of a name, in its file of hosts first and then at the name servers of its file for
// those. Package net reads both files anew after 5 s at the earliest, leaves a name server that is silent for the next
// one after 5 s, and lets a question run on when nobody waits for its answer any more.
type resolver struct {
	hosts, config string // files
	ask           dialFunc
}

func defaultResolver() resolver {
	return resolver{"/etc/hosts", "/etc/resolv.conf", new(net.Dialer).DialContext}
}

// lookup gives at least one address, those of both families in turn, or a *net.DNSError.
func (r resolver) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if all := r.known(host); len(all) > 0 {
		return all, nil
	}
	attemptOf(ctx).is(noName)
	if isLocalhost(host) { // whose name server need not know, nor answer
		const enough = 500 * time.Millisecond
		limited, cancel := context.WithTimeout(ctx, enough)
		defer cancel()
		if all, err := r.remote(limited, host); err == nil {
			return all, nil
		}
		return loopback(), nil
	}
	return r.remote(ctx, host)
}

// known are the addresses for which no name server is asked.
func (r resolver) known(host string) []netip.Addr {
	if ip, is := listener.Literal(host); is {
		return []netip.Addr{ip}
	}
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	all := r.static(name)
	switch {
	case isLocalhost(name) && slices.ContainsFunc(all, netip.Addr.IsLoopback):
		return append(all, slices.DeleteFunc(loopback(), func(ip netip.Addr) bool { return slices.Contains(all, ip) })...)
	case name == "localhost" && len(all) == 0: // an empty container has no /etc/hosts
		return loopback()
	}
	return all
}

func loopback() []netip.Addr {
	return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
}

// static reads the file of hosts (hosts(5)).
func (r resolver) static(name string) (all []netip.Addr) {
	text, err := os.ReadFile(r.hosts)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		is := func(word string) bool { return strings.EqualFold(strings.TrimSuffix(word, "."), name) }
		if len(words) < 2 || !slices.ContainsFunc(words[1:], is) {
			continue
		}
		if ip, err := netip.ParseAddr(words[0]); err == nil && !slices.Contains(all, ip) {
			all = append(all, ip)
		}
	}
	return all
}

// servers is what resolv.conf(5) says.
type servers struct {
	addresses       []string
	search          []string
	dots, attempts  int
	timeout         time.Duration
	rotate, overTCP bool
}

func (r resolver) servers() servers {
	s := servers{dots: 1, attempts: 2, timeout: 5 * time.Second}
	text, _ := os.ReadFile(r.config)
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 2 || strings.ContainsAny(words[0][:1], "#;") {
			continue
		}
		switch words[0] {
		case "nameserver":
			const most = 3
			if ip, err := netip.ParseAddr(words[1]); err == nil && len(s.addresses) < most {
				s.addresses = append(s.addresses, net.JoinHostPort(ip.String(), "53"))
			}
		case "domain":
			s.search = words[1:2]
		case "search":
			s.search = words[1:]
		case "options":
			s.options(words[1:])
		}
	}
	if len(s.addresses) == 0 {
		s.addresses = []string{"127.0.0.1:53"}
	}
	return s
}

func (s *servers) options(words []string) {
	for _, word := range words {
		name, value, _ := strings.Cut(word, ":")
		n, err := strconv.Atoi(value)
		switch {
		case name == "rotate":
			s.rotate = true
		case name == "use-vc":
			s.overTCP = true
		case err != nil || n < 0:
		case name == "ndots":
			s.dots = min(n, 15)
		case name == "attempts":
			s.attempts = max(1, min(n, 5))
		case name == "timeout":
			s.timeout = time.Duration(max(1, min(n, 30))) * time.Second
		}
	}
}

// names are the whole names that a name may stand for, in the order in which they are asked for.
func (s *servers) names(host string) []string {
	if strings.HasSuffix(host, ".") {
		return []string{host}
	}
	var all []string
	for _, domain := range s.search {
		if domain = strings.Trim(domain, "."); domain != "" {
			all = append(all, host+"."+domain+".")
		}
	}
	if strings.Count(host, ".") >= s.dots {
		return append([]string{host + "."}, all...)
	}
	return append(all, host+".")
}
