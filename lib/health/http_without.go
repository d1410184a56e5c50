//go:build pidbox_some && !pidbox_http

package health

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
)

// httpClient stands for what asks by HTTP and TLS, which this build is without.
type httpClient struct{ o Options }

func newHTTP(o Options) (*httpClient, error) { return &httpClient{o}, nil }

func (h *httpClient) web(u *url.URL) (Check, error) { return nil, without(u.Scheme) }

func (h *httpClient) handshake(string) (func(context.Context, net.Conn, *attempt) (net.Conn, error), error) {
	return nil, without("tls")
}

func without(scheme string) error {
	return fmt.Errorf("%s checks are not in this build of pidbox, which has tcp, unix, file and exec; the full build has them", scheme)
}

func sayWeb() []func(error) string { return nil }

func unspoken(error) bool { return false }

func environ() []string { return os.Environ() }
