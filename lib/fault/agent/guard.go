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
)

// GuardVariable is the environment variable that says whom a guard pauses.
const GuardVariable = "PIDBOX_FAULT_GUARD"

// Guard pauses whom it is told, "group PATH" or "tree IDENTITY;...", and resumes them when the hold is over, when stdin ends
// because the agent has, or on TERM, INT or HUP. The hold is the first line of stdin, each further line is a new one from
// then on. It runs in a process and a session of its own: the stopping and the promise to continue are in the same hands,
// and these outlive a killed agent.
//
// Its limit: if it is killed itself, the agent resumes the member; if both are killed in the same moment, the next
// agent does.
func Guard(whom string, stdin io.Reader, stdout io.Writer) error {
	ask := make(chan os.Signal, 1)
	signal.Notify(ask, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	s, err := newStanding(whom)
	if err != nil {
		return err
	}
	defer s.close()
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
	over := time.NewTimer(hold)
	defer s.resume()
	if err := s.stop(); err != nil {
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
		case <-s.gone:
			return nil
		}
	}
}
