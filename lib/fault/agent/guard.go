package agent

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"pidbox/lib/duration"
	"pidbox/lib/proc"
)

// GuardVariable is the environment variable that holds the identity of the process that a guard pauses.
const GuardVariable = "PIDBOX_FAULT_GUARD"

// Guard pauses the process of that identity, and all of its session, and resumes them when the hold is over, when
// stdin ends because the agent has, or on TERM, INT or HUP. The hold is the first line of stdin, each further line
// is a new one from then on. It runs in a process and a session of its own: the stopping and the promise to
// continue are in the same hands, and these outlive a killed agent.
//
// Its limit: if it is killed itself, the agent resumes the member; if both are killed in the same moment, the next
// agent does.
func Guard(identity string, stdin io.Reader, stdout io.Writer) error {
	ask := make(chan os.Signal, 1)
	signal.Notify(ask, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	recorded, err := proc.ParseIdentity(identity)
	if err != nil {
		return fmt.Errorf("identity of the member: %w", err)
	}
	h, err := proc.Open(recorded.PID)
	if err != nil {
		return err
	}
	defer h.Close()
	if now, err := h.Identity(); err != nil || recorded.Compare(now) != proc.Same {
		return fmt.Errorf("process %d is not the member: %w", recorded.PID, errors.Join(err, proc.ErrNotFound))
	}
	holds := make(chan time.Duration)
	go func() {
		defer close(holds)
		for lines := bufio.NewScanner(stdin); lines.Scan(); {
			hold, err := duration.Parse(lines.Text())
			if err != nil {
				return
			}
			holds <- hold
		}
	}()
	hold, ok := <-holds
	if !ok {
		return errors.New("no hold was given")
	}
	all, err := family(h)
	if err != nil {
		return err
	}
	defer all.Close()
	over := time.NewTimer(hold)
	defer func() { _ = all.Signal(syscall.SIGCONT) }()
	if err := all.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	if err := settle(h); err != nil {
		return err
	}
	fmt.Fprintln(stdout, "paused")
	for {
		select {
		case hold, ok := <-holds:
			if !ok {
				return nil
			}
			over.Reset(hold)
			fmt.Fprintln(stdout, "paused")
		case <-over.C:
			return nil
		case <-ask:
			return nil
		case <-h.Done():
			return nil
		}
	}
}

// settle waits until a stopped process shows it: the last of its threads may be in the kernel for a moment.
func settle(h *proc.Handle) error {
	for range 10000 {
		if s, err := h.State(); err != nil || s == 'T' || s == 'Z' {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("the process did not stop within 10s")
}
