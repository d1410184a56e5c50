package health

import (
	"fmt"
	"net"
)

// Notify tells the service manager at socket (the value of NOTIFY_SOCKET; @name is abstract) a state such as
// READY=1, after sd_notify(3). The datagram is queued when it returns, not yet read.
func Notify(socket, state string) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify socket %s: %w", socket, plainNet(err))
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("notify socket %s: %w", socket, plainNet(err))
	}
	return nil
}
