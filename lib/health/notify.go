package health

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// Notify tells the service manager at socket (the value of NOTIFY_SOCKET; @name is abstract) a state such as
// READY=1, after sd_notify(3). The datagram is queued when it returns, not yet read.
func Notify(socket, state string) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify socket %s: %w", socket, plainNet(err))
	}
	defer conn.Close()
	const patience = 2 * time.Second // with one who does not read
	conn.SetWriteDeadline(time.Now().Add(patience))
	_, err = conn.Write([]byte(state))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("notify socket %s: not taken within %s", socket, brief(patience))
	case err != nil:
		return fmt.Errorf("notify socket %s: %w", socket, plainNet(err))
	}
	return nil
}
