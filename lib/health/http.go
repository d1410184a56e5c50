//go:build !pidbox_some || pidbox_http

package health

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"

	"github.com/hashicorp/go-retryablehttp"
)

// maxHeader is far above what servers send, and far below what would hurt.
const maxHeader = 64 << 10

// httpClient is what the HTTP checks made of one Options share. Each attempt opens a connection of its own and
// closes it: a check that goes through an old connection says nothing about new ones.
type httpClient struct {
	o         Options
	method    string
	header    http.Header
	host      string          // of a Host header
	transport *http.Transport // HTTP/1, and HTTP/2 where a server that speaks TLS chooses that
	two       *http.Transport // HTTP/2 only
	tls       *tls.Config
	own       sync.Map // whether a name is this machine's, as far as name servers told
}

func newHTTP(o Options) (*httpClient, error) {
	h := &httpClient{o: o, method: o.Method, header: http.Header{}}
	if h.method == "" {
		h.method = http.MethodGet
		if o.Body != "" {
			h.method = http.MethodPost
		}
	}
	if !isToken(h.method) {
		return nil, fmt.Errorf("%q is not an HTTP method", h.method)
	}
	if err := h.setHeaders(); err != nil {
		return nil, err
	}
	config, err := tlsConfig(o)
	if err != nil {
		return nil, err
	}
	h.transport = &http.Transport{
		Proxy:                  h.proxy,
		OnProxyConnectResponse: proxied,
		DialContext:            dial,
		TLSClientConfig:        config,
		DisableKeepAlives:      true,
		DisableCompression:     true, // a body is matched as sent, and cannot unfold to gigabytes
		MaxResponseHeaderBytes: maxHeader,
		Protocols:              new(http.Protocols),
	}
	h.transport.Protocols.SetHTTP1(true)
	h.transport.Protocols.SetHTTP2(true)
	h.tls = config
	if o.UnixSocket != "" {
		if err := socketFits(o.UnixSocket); err != nil {
			return nil, fmt.Errorf("socket %s: %w", o.UnixSocket, err)
		}
		h.transport.Proxy = nil
		h.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dial(ctx, "unix", o.UnixSocket)
		}
	}
	h.two = h.transport.Clone()
	h.two.Protocols = new(http.Protocols)
	h.two.Protocols.SetHTTP2(true)
	h.two.Protocols.SetUnencryptedHTTP2(true)
	if through := h.two.Proxy; through != nil {
		h.two.Proxy = func(r *http.Request) (*url.URL, error) {
			if r.URL.Scheme == "http" { // of which a proxy would make HTTP/1
				return nil, nil
			}
			return through(r)
		}
	}
	return h, nil
}

// web makes the check of a URL that is asked by HTTP.
func (h *httpClient) web(u *url.URL) (Check, error) {
	if !isLoopback(u.Hostname()) && !h.o.NoProxy && h.o.UnixSocket == "" {
		if err := checkProxies(); err != nil {
			return nil, err
		}
	}
	switch u.Scheme {
	case "grpc", "grpcs":
		return h.grpcTarget(u)
	case "h2c":
		u.Scheme = "http"
		return &httpCheck{httpClient: h, url: u, h2c: true}, nil
	}
	return &httpCheck{httpClient: h, url: u}, nil
}

func (h *httpClient) setHeaders() error {
	for _, line := range h.o.Headers {
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case !ok || !isToken(name):
			return errors.New("--header: not of the form \"Name: value\"") // which may be the secret: not shown
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			return fmt.Errorf("header %s: a control character in its value", name)
		case http.CanonicalHeaderKey(name) == "Host":
			h.host = value
		default:
			h.header.Add(name, value)
		}
	}
	h.setDefault("User-Agent", "pidbox")
	if h.o.Body != "" {
		h.setDefault("Content-Type", "application/x-www-form-urlencoded")
	}
	if h.o.Auth != "" && !strings.Contains(h.o.Auth, ":") {
		return errors.New("--auth: no colon between user and password")
	}
	return nil
}

func (h *httpClient) setDefault(name, value string) {
	if h.header[name] == nil {
		h.header.Set(name, value)
	}
}

// isToken reports whether s is a token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", r)
	})
}

type httpCheck struct {
	*httpClient
	url *url.URL
	h2c bool // HTTP/2 from the first byte on
}

func (c *httpCheck) String() string {
	text := shown(c.url)
	if c.h2c {
		text = "h2c" + strings.TrimPrefix(text, "http")
	}
	if c.o.UnixSocket != "" {
		text += " on " + c.o.UnixSocket
	}
	return text
}

// reason is err in plain words, and that there are no authorities here if that is why.
func (h *httpClient) reason(a *attempt, err error) error {
	if err = a.reason(err); h.o.CACert == "" {
		return withoutRoots(err)
	}
	return err
}

// shown is u without user, password, query and fragment.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// Check asks once, by a retryablehttp that retries nothing: Until has the pace. Its CheckRetry hears the answer.
func (c *httpCheck) Check(ctx context.Context) error {
	answer := context.Cause(ctx) // where there is no time to ask
	ctx, attempt := begin(ctx)
	transport := c.transport
	if c.h2c {
		transport = c.two
	}
	if err := c.connect(ctx, transport, c.url, attempt); err != nil {
		return c.reason(attempt, err)
	}
	defer attempt.drop()
	req, err := c.request(phased(ctx, attempt))
	if err != nil {
		return err
	}
	client := &retryablehttp.Client{
		HTTPClient: &http.Client{Transport: transport, CheckRedirect: c.redirect},
		CheckRetry: func(_ context.Context, resp *http.Response, err error) (bool, error) {
			at := c.reached(resp, err)
			if err == nil {
				err = c.judge(resp, attempt)
			}
			transport.CloseIdleConnections() // ends the dial of an attempt that was given up
			if err = c.reason(attempt, err); err != nil && at != shown(c.url) {
				err = &plainError{text: "redirected to " + at + ": " + err.Error(), err: err}
			}
			answer = err
			return false, nil
		},
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	if resp, err := client.Do(req); err == nil && resp != nil {
		resp.Body.Close()
	}
	return answer
}

// phased is ctx, under which net/http tells an attempt how far it has come.
func phased(ctx context.Context, a *attempt) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeStart:    func() { a.is(noHandshake) },
		GotConn:              func(httptrace.GotConnInfo) { a.is("no answer in") },
		GotFirstResponseByte: func() { a.is("answer not complete in") },
	})
}

// connect makes the first connection of an attempt, unless that goes to a proxy. Before the request it spares that, and all
// that comes with it, where nobody listens.
func (h *httpClient) connect(ctx context.Context, transport *http.Transport, u *url.URL, a *attempt) error {
	if transport.Proxy != nil {
		if through, err := transport.Proxy((&http.Request{URL: u}).WithContext(ctx)); err != nil || through != nil {
			return nil // the request finds out
		}
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	conn, err := transport.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	a.keep(conn)
	return err
}
