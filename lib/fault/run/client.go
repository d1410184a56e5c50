package run

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/fault/plan"
)

// RefusedError is an agent's answer that is an error.
type RefusedError struct {
	Status int // of HTTP
	Text   string
}

func (e *RefusedError) Error() string { return e.Text }

// Unsupported says whether err is an agent's word that a fault cannot be had there.
func Unsupported(err error) bool { return refused(err, http.StatusNotImplemented) }

// Wrong says whether err is an agent's word that no agent would do what it was asked for.
func Wrong(err error) bool { return refused(err, http.StatusBadRequest) }

// refused says whether err is an agent's answer of that status of HTTP; 0 for any.
func refused(err error, status int) bool {
	var refused *RefusedError
	return errors.As(err, &refused) && (refused.Status == status || status == 0)
}

// UnreachableError is an agent that does not answer.
type UnreachableError struct {
	Member string
	Err    error
}

func (e *UnreachableError) Error() string { return fmt.Sprintf("agent of %s: %v", e.Member, e.Err) }
func (e *UnreachableError) Unwrap() error { return e.Err }

// Absent says that nobody listens at its address.
func (e *UnreachableError) Absent() bool {
	return errors.Is(e.Err, syscall.ENOENT) || errors.Is(e.Err, syscall.ECONNREFUSED)
}

// client speaks with one member's agent.
type client struct {
	member string
	base   string
	token  string
	lease  string
	http   *http.Client
	turn   turn
}

// An order may last, for a stop waits for its grace; but as long as it does, the agent answers other questions.
const (
	orderTimeout = 5 * time.Minute
	askTimeout   = 5 * time.Second
	askEvery     = 2 * time.Second
)

// ErrHung is an agent that takes connections, or even orders, and says nothing.
var ErrHung = errors.New("no answer")

func newClient(m plan.Member, token string, secure *tls.Config) *client {
	transport := &http.Transport{TLSClientConfig: secure, DisableCompression: true, MaxIdleConns: 4, IdleConnTimeout: 5 * time.Second}
	c := &client{member: m.Name, base: m.Agent, token: token, http: &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if path, ok := strings.CutPrefix(m.Agent, "unix:"); ok {
		c.base = "http://agent"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
	} else if !strings.Contains(c.base, "://") {
		c.base = "http://" + c.base
	}
	c.base = strings.TrimRight(c.base, "/")
	return c
}

func tlsConfig(t plan.TLS) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", t.CA)
		}
	}
	return config, nil
}

func (c *client) do(ctx context.Context, method, path string, body any) (fault.Status, error) {
	var s fault.Status
	var reader io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return s, err
		}
		reader = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, c.base+"/v1/"+path, reader)
	if err != nil {
		return s, err
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.lease != "" {
		r.Header.Set(fault.LeaseHeader, c.lease)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		if strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") {
			err = errors.New("it does not speak TLS; its address is http://HOST:PORT")
		}
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(context.Cause(ctx), ErrHung) {
			err = ErrHung
		}
		return s, &UnreachableError{c.member, err}
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return s, &UnreachableError{c.member, err}
	}
	if answer.StatusCode == http.StatusBadRequest && bytes.Contains(b, []byte("HTTP request to an HTTPS server")) {
		return s, &UnreachableError{c.member, errors.New("it speaks TLS; its address is https://HOST:PORT")}
	}
	if answer.StatusCode != http.StatusOK {
		var p fault.Problem
		if json.Unmarshal(b, &p) != nil || p.Error == "" {
			p.Error = "it answered " + answer.Status
		}
		if answer.StatusCode == http.StatusNotFound {
			p.Error = fmt.Sprintf("it does not know %s: it may have another version", path)
		}
		return s, &RefusedError{answer.StatusCode, fmt.Sprintf("agent of %s: %s", c.member, p.Error)}
	}
	if err := json.Unmarshal(b, &s); err != nil || s.State == "" {
		return s, &UnreachableError{c.member, fmt.Errorf("it does not answer like an agent")}
	}
	return s, nil
}

// status asks how the member is: twice, if need be, since one answer may be late, or the agent gives a connection up that was
// made in reserve and not used; and on while this machine is too busy to hear it.
func (c *client) status(ctx context.Context) (s fault.Status, err error) {
	limit, more := askTimeout, true
	for tries := 1; more; tries++ {
		limited, cancel := context.WithTimeout(ctx, limit)
		slowest := c.turn.pulse(limited)
		s, err = c.do(limited, "GET", "status", nil)
		took := slowest()
		cancel()
		if !errors.Is(err, ErrHung) && !errors.Is(err, io.EOF) || ctx.Err() != nil {
			break
		}
		if tries > 1 {
			limit, more = c.turn.late(ctx, took, limit)
		}
	}
	return s, err
}

// order gives an order, and gives it up when the agent answers nothing at all any more.
func (c *client) order(ctx context.Context, name string, o fault.Order) (fault.Status, error) {
	return c.alive(ctx, func(ctx context.Context) (fault.Status, error) { return c.do(ctx, "POST", name, o) })
}

// put sets a fault, in the same way, and remove takes it away.
func (c *client) put(ctx context.Context, id string, s fault.Spec) error {
	_, err := c.alive(ctx, func(ctx context.Context) (fault.Status, error) { return c.do(ctx, "PUT", "faults/"+id, s) })
	return err
}

func (c *client) remove(ctx context.Context, id string) error {
	_, err := c.alive(ctx, func(ctx context.Context) (fault.Status, error) { return c.do(ctx, "DELETE", "faults/"+id, nil) })
	return err
}

func (c *client) alive(ctx context.Context, do func(context.Context) (fault.Status, error)) (fault.Status, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		for sleep(ctx, askEvery); ctx.Err() == nil; sleep(ctx, askEvery) {
			if _, err := c.status(ctx); err != nil && ctx.Err() == nil && !refused(err, 0) {
				stop(ErrHung)
			}
		}
	}()
	return do(ctx)
}
