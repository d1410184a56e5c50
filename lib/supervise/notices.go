package supervise

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"pidbox/lib/notify"
)

// notices tell the service manager, in order and beside the loop: its socket may be full. That no process listens is no
// failure of the service.
type notices struct {
	socket string
	log    *slog.Logger
	turn   sync.Mutex
}

func (n *notices) ready() { go n.tell("READY=1", slog.LevelWarn) }

// noticeLimit is how long a stop waits for its notice to be taken.
const noticeLimit = time.Second

// ending is not missed by a starter in the foreground, which has gone once its daemon was ready.
func (n *notices) ending() {
	told := make(chan struct{})
	go func() {
		defer close(told)
		n.tell("STOPPING=1", slog.LevelDebug)
	}()
	select {
	case <-told:
	case <-time.After(noticeLimit):
	}
}

func (n *notices) tell(state string, level slog.Level) {
	n.turn.Lock()
	defer n.turn.Unlock()
	if err := notify.Send(n.socket, state); err != nil {
		n.log.Log(context.Background(), level, "not notified", "error", err.Error())
	}
}
