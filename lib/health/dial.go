package health

import (
	"context"
	"net"
	"strings"
)

// dialCheck is healthy when a connection can be made; nothing is sent.
type dialCheck struct {
	network, address string
	dial             dialFunc
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// dial connects; the lookup of the name ends with ctx too. Package net lets the question to a silent name server
// run on for its 5 s a try, with its socket; and where two ask for one name of one Resolver, neither can end it.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	return dialBy(new(net.Dialer).DialContext)(ctx, network, address)
}

// dialBy makes a dial whose questions to name servers go through ask.
func dialBy(ask dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := ask(ctx, network, address)
			if err == nil {
				context.AfterFunc(ctx, func() { conn.Close() })
			}
			return conn, err
		}}
		d := &net.Dialer{KeepAlive: -1, Resolver: r}
		host, port, _ := net.SplitHostPort(address)
		if !isLocalhost(host) {
			return d.DialContext(ctx, network, address)
		}
		// An empty container has no /etc/hosts, and its name server need not know: RFC 6761, section 6.3.
		conn, err := d.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		if err != nil && ctx.Err() == nil {
			if six, err := d.DialContext(ctx, network, net.JoinHostPort("::1", port)); err == nil {
				return six, nil
			}
		}
		return conn, err
	}
}

// isLocalhost holds for the names that are this machine's everywhere.
func isLocalhost(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func (c *dialCheck) String() string {
	if c.network == "unix" {
		return "unix:" + c.address
	}
	return c.network + "://" + c.address
}

func (c *dialCheck) Check(ctx context.Context) error {
	ctx, phase := watchPhase(ctx)
	conn, err := c.dial(ctx, c.network, c.address)
	if err != nil {
		return phase.reason(err)
	}
	conn.Close()
	return nil
}
