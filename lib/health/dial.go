package health

import (
	"context"
	"net"
)

// dialCheck is healthy when a connection can be made; nothing is sent.
type dialCheck struct {
	network, address string
	resolver         *net.Resolver // nil: the system's
}

func (c *dialCheck) String() string {
	if c.network == "unix" {
		return "unix:" + c.address
	}
	return c.network + "://" + c.address
}

func (c *dialCheck) Check(ctx context.Context) error {
	ctx, phase := watchPhase(ctx)
	conn, err := (&net.Dialer{KeepAlive: -1, Resolver: c.resolver}).DialContext(ctx, c.network, c.address)
	if err != nil {
		return phase.reason(err)
	}
	conn.Close()
	return nil
}
