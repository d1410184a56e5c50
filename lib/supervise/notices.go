package supervise

import (
	"pidbox/lib/journal"
	"pidbox/lib/notify"
)

// notices tell the service manager, in order and beside the loop: its socket may be full. That no process listens is no
// failure of the service.
type notices struct{ *queue }

func newNotices(socket string, log *journal.Logger) notices {
	return notices{newQueue(manager{socket, log}, func(int64) {})}
}

func (n notices) ready() { _, _ = n.Write([]byte(readyState)) }

func (n notices) ending() { _, _ = n.Write([]byte("STOPPING=1")) }

func (n notices) beat() { _, _ = n.Write([]byte("WATCHDOG=1")) }

const readyState = "READY=1"

// manager is the service manager as a writer of states.
type manager struct {
	socket string
	log    *journal.Logger
}

func (m manager) Write(state []byte) (int, error) {
	err := notify.Send(m.socket, string(state))
	if err != nil {
		level := journal.Debug // an end is not missed by a starter in the foreground, which has gone once its daemon was ready
		if string(state) == readyState {
			level = journal.Warn
		}
		m.log.Log(level, "not notified", "error", err.Error())
	}
	return len(state), err
}
