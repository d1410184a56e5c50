//go:build !pidbox_some || pidbox_http

package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"pidbox/lib/listener"
)

// proxy is the environment's, but never for this machine, by whatever name.
func (h *httpClient) proxy(r *http.Request) (*url.URL, error) {
	if h.o.NoProxy || isLoopback(r.URL.Hostname()) {
		return nil, nil
	}
	u, err := http.ProxyFromEnvironment(r)
	switch {
	case err != nil && strings.Contains(err.Error(), "CGI"):
		return nil, unasked("HTTP_PROXY is ignored because REQUEST_METHOD is set", err)
	case err != nil || u == nil || h.isOwn(r.Context(), r.URL.Hostname()):
		return nil, err
	}
	if a := attemptOf(r.Context()); a != nil {
		a.proxied = true
	}
	return u, nil
}

// checkProxies finds a proxy's URL that is none, which net/http would take for no proxy, or ask in vain.
func checkProxies() error {
	for _, name := range []string{"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"} {
		text := os.Getenv(name)
		if text == "" {
			continue
		}
		u, err := url.Parse(text)
		if err != nil || u.Host == "" {
			u, err = url.Parse("http://" + text) // as net/http has it
		}
		switch {
		case err != nil || u.Host == "" || u.Port() != "" && !isPort(u.Port()):
			return fmt.Errorf("%s is not the URL of a proxy", name)
		case !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme):
			return fmt.Errorf("%s: a proxy of scheme %q is not http, https, socks5 or socks5h", name, u.Scheme)
		}
	}
	return nil
}

// isOwn says that a host is this machine: one of its addresses, its name, or a name of one of its addresses.
func (h *httpClient) isOwn(ctx context.Context, host string) bool {
	if ip, is := listener.Literal(host); is {
		return listener.Own(ip)
	}
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	if self, err := os.Hostname(); err == nil && strings.EqualFold(name, strings.TrimSuffix(self, ".")) {
		return true
	}
	if known, ok := h.own.Load(name); ok {
		return known.(bool)
	}
	const enough = 500 * time.Millisecond // many a machine behind a proxy can ask no name server
	limited, cancel := context.WithTimeout(ctx, enough)
	defer cancel()
	all, err := defaultResolver().lookup(limited, host)
	own := slices.ContainsFunc(all, listener.Own)
	if dns := (*net.DNSError)(nil); ctx.Err() == nil && !(errors.As(err, &dns) && dns.IsNotFound) {
		h.own.Store(name, own) // and is not asked for the silent one again
	}
	return own
}

// isLoopback also holds for 0.0.0.0 and ::, which connect to this machine, also where such an address is
// written in an old way: of 127.1 the proxy would make one of its own machine.
func isLoopback(host string) bool {
	if ip, is := listener.Literal(host); is {
		return ip.IsLoopback() || ip.IsUnspecified()
	}
	return isLocalhost(host) || strings.EqualFold(host, "ip6-localhost") || strings.EqualFold(host, "ip6-loopback")
}

// proxied tells a proxy that does not let us through from the server behind it.
func proxied(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode != http.StatusOK {
		return unasked(fmt.Sprintf("proxy: status %d", answer.StatusCode), nil)
	}
	return nil
}
