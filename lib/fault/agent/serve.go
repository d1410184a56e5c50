package agent

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"
)

// TableName is the nftables table of the agent whose member has that pidfile: the same after a restart, and another
// one than that of an agent in the same network namespace.
func TableName(pidfile string) string {
	path, err := filepath.Abs(pidfile)
	if err != nil {
		path = pidfile
	}
	return fmt.Sprintf(TablePrefix+"%x", sha256.Sum256([]byte(path)))[:21]
}

// TablePrefix is how the names of all tables, and of the control groups of members, begin.
const TablePrefix = "pidbox_fault_"

// PortOf is the TCP port of a listener, 0 if it has none.
func PortOf(l net.Listener) uint16 {
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		return uint16(a.Port)
	}
	return 0
}

// Serve answers requests until ctx ends. Then, or if it cannot serve any longer, it heals the member, stops it and
// closes the agent.
func (a *Agent) Serve(ctx context.Context, l net.Listener, token string) error {
	defer func() {
		if p := recover(); p != nil {
			a.Abandon()
			panic(p)
		}
	}()
	server := a.Server(token)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	closing := a.Close()
	drained, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if server.Shutdown(drained) != nil {
		server.Close()
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, closing)
}
