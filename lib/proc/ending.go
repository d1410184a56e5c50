package proc

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"pidbox/lib/signals"
)

// Ending is how a process ended: by an exit code, or by a signal.
type Ending struct {
	Code   int
	Signal syscall.Signal // 0: it exited with Code
	Core   bool           // and its memory was written down
	OOM    bool           // and it was the kernel's OOM killer's: see lib/cgroup, for Handle.Ending does not say it
}

func (e Ending) String() string {
	switch {
	case e.Signal == 0:
		return fmt.Sprintf("exit status %d", e.Code)
	case e.OOM:
		return fmt.Sprintf("signal %s, by the OOM killer", signals.Name(e.Signal))
	case e.Core:
		return fmt.Sprintf("signal %s, core dumped", signals.Name(e.Signal))
	}
	return fmt.Sprintf("signal %s", signals.Name(e.Signal))
}

// endingOf reads the status of wait(2).
func endingOf(status int) Ending {
	w := syscall.WaitStatus(status)
	if w.Signaled() {
		return Ending{Signal: w.Signal(), Core: w.CoreDump()}
	}
	return Ending{Code: w.ExitStatus()}
}

// UntoldError says that a process has exited and that nothing tells how.
type UntoldError struct {
	PID int
	Why string
}

func (e *UntoldError) Error() string {
	return fmt.Sprintf("process %d has exited, with an unknown status: %s", e.PID, e.Why)
}

// errUncollected says that a process is a zombie, of which the kernel will tell when its parent has collected it.
var errUncollected = errors.New("its parent has not collected it yet")

// collection is how long the parent of a process may take to collect it, where only that makes its end known: there are
// inits that look every two seconds.
const collection = 3 * time.Second

// Ending waits as Wait does, and then says how the process ended, child or not. It does not reap. The kernel keeps that for a
// handle from Linux 6.15 on; of a zombie /proc tells those who may trace it. An *UntoldError says that it cannot be known:
// from an older kernel, of a process that was collected before, of one that its parent does not collect.
func (h *Handle) Ending(ctx context.Context) (Ending, error) {
	if err := h.Wait(ctx); err != nil {
		return Ending{}, err
	}
	l, can := h.link.(interface{ ending() (Ending, error) })
	if !can {
		return Ending{}, &UntoldError{h.pid, "there are no pidfds"}
	}
	end, err := l.ending()
	if !errors.Is(err, errUncollected) { // no timer for that, with which the runtime wakes a thread
		return end, h.told(err)
	}
	limited, cancel := context.WithTimeout(ctx, collection)
	defer cancel()
	waited := sleepWhile(limited, func() (bool, error) {
		end, err = l.ending()
		return errors.Is(err, errUncollected), nil
	})
	if waited != nil && errors.Is(err, errUncollected) {
		return Ending{}, &UntoldError{h.pid, errUncollected.Error()}
	}
	return end, h.told(err)
}

// told names the process in an error that does not say itself why nothing is known.
func (h *Handle) told(err error) error {
	if untold := (*UntoldError)(nil); err == nil || errors.As(err, &untold) {
		return err
	}
	return h.wrap(err)
}
