package child

import (
	"context"
	"errors"

	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/stop"
)

// Heritage lists what a PID 1 has left: all that descends from it, or came to it as an orphan.
func Heritage() (pids []int, err error) {
	err = inherited(func(f *proc.Family) error {
		pids, err = f.Members()
		return err
	})
	return pids, err
}

// EndHeritage runs a schedule on all of that.
func EndHeritage(ctx context.Context, schedule signals.Schedule) error {
	return inherited(func(f *proc.Family) error {
		_, err := stop.Run(ctx, f, schedule, nil)
		return err
	})
}

func inherited(do func(*proc.Family) error) error {
	self, err := proc.Self()
	if err != nil {
		return err
	}
	defer self.Close()
	f, err := self.Family(proc.Tree, nil)
	if errors.Is(err, proc.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return do(f)
}
