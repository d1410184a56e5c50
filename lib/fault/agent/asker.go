package agent

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
)

// asker is who is at the other end of a connection.
type asker struct {
	name   string // for the log
	denied string // why it may give no orders
}

type askerKey struct{}

func askerOf(ctx context.Context) asker {
	a, _ := ctx.Value(askerKey{}).(asker)
	return a
}

// meet finds out who connects, as the ConnContext of the server. On a TCP port that asks for no token and no certificate
// only the agent's own user and root are served, as on a UNIX socket: loopback is open to each user of the machine.
func meet(ctx context.Context, c net.Conn, known bool) context.Context {
	if secure, is := c.(*tls.Conn); is {
		c = secure.NetConn()
	}
	a := asker{name: c.RemoteAddr().String()}
	switch c := c.(type) {
	case *net.UnixConn:
		a.name = "a UNIX socket"
		if pid, uid, err := processOf(c); err == nil {
			a.name = fmt.Sprintf("process %d of user %d", pid, uid)
		}
	case *net.TCPConn:
		if known {
			break
		}
		uid, err := userOf(c)
		switch {
		case err != nil:
			a.denied = fmt.Sprintf("cannot tell whose connection this is: %v", err)
		case uid != 0 && uid != os.Geteuid():
			a.denied = fmt.Sprintf("user %d may give no orders here without a token", uid)
		default:
			a.name += fmt.Sprintf(" of user %d", uid)
		}
	}
	return context.WithValue(ctx, askerKey{}, a)
}
