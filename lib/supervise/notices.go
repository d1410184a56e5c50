package supervise

import (
	"context"
	"log/slog"

	"pidbox/lib/notify"
)

// notices tell the service manager. That nobody listens is no failure of the service.
type notices struct {
	socket string
	log    *slog.Logger
}

func (n notices) ready() { n.tell("READY=1", slog.LevelWarn) }

// ending is not missed by a starter in the foreground, which has gone once its daemon was ready.
func (n notices) ending() { n.tell("STOPPING=1", slog.LevelDebug) }

func (n notices) tell(state string, level slog.Level) {
	if err := notify.Send(n.socket, state); err != nil {
		n.log.Log(context.Background(), level, "not notified", "error", err.Error())
	}
}
