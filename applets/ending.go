package applets

import (
	"context"
	"errors"
	"syscall"
	"time"

	"pidbox/lib/cgroup"
	"pidbox/lib/jsonline"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
)

// ending is how a process exited, for --json.
type ending struct {
	Code    *int   `json:"code,omitempty"`
	Signal  string `json:"signal,omitempty"`
	Core    bool   `json:"core,omitempty"`
	OOM     bool   `json:"oom,omitempty"`
	Unknown string `json:"unknown,omitempty"` // why it cannot be told
}

func (e *ending) object() *jsonline.Object {
	o := new(jsonline.Object)
	if e.Code != nil {
		o.Field("code", *e.Code)
	}
	return o.Some("signal", e.Signal).Some("core", e.Core).Some("oom", e.OOM).Some("unknown", e.Unknown)
}

func told(e proc.Ending) *ending {
	if e.Signal == 0 {
		return &ending{Code: &e.Code}
	}
	return &ending{Signal: signals.Name(e.Signal), Core: e.Core, OOM: e.OOM}
}

// untoldEnding is an ending of which nothing tells how it was.
func untoldEnding(err error) *ending {
	why := err.Error()
	if untold := (*proc.UntoldError)(nil); errors.As(err, &untold) {
		why = untold.Why
	}
	return &ending{Unknown: why}
}

// mortal is a process whose end is to be told, watched from before it.
type mortal struct {
	*proc.Handle
	oom *cgroup.OOM
}

func watchMortal(h *proc.Handle) mortal { return mortal{h, cgroup.WatchOOM(h)} }

// collection is how long a parent is waited for, which is to collect a process, by those who were asked how that ended.
const collection = 100 * time.Millisecond

// ended is how it ended, of one that has.
func (m mortal) ended(patience time.Duration) (proc.Ending, error) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	end, err := m.Ending(ctx) // at first without a timer
	if err != nil {
		ctx, cancel = context.WithTimeout(context.Background(), patience)
		defer cancel()
		end, err = m.Ending(ctx)
	}
	if err == nil && end.Signal == syscall.SIGKILL {
		end.OOM = m.oom.Killed()
	}
	return end, err
}
