package supervise

import (
	"errors"
	"syscall"
)

// Kind is what a supervisor can be asked to do.
type Kind int

// The kinds of requests.
const (
	Stop    Kind = iota // stop the child and end; a second one hastens to KILL
	Leave               // end and let the child run on
	Restart             // stop the child in good order and start it again at once
	Forward             // pass a signal to the child
)

// Request asks a supervisor for something. The answer to a Restart comes when it is done.
type Request struct {
	Kind   Kind
	Signal syscall.Signal
	done   chan<- error
}

var errEnding = errors.New("the supervisor is ending")

func (r Request) answer(err error) {
	if r.done != nil {
		r.done <- err
	}
}

// Ask hands a request over and, for a Restart, waits until it is done.
func (s *Supervisor) Ask(r Request) error {
	answer := make(chan error, 1)
	if r.Kind == Restart {
		r.done = answer
	}
	select {
	case s.requests <- r:
	case <-s.over:
		return errEnding
	}
	if r.Kind != Restart {
		return nil
	}
	return <-answer // Run settles every request that it took before it ends
}

// restart notes a restart that somebody asked for. It is no failure, and its start is due at once.
func (s *Supervisor) restart(r Request) {
	s.restarts = append(s.restarts, r)
	s.Backoff.Reset()
}

// settle answers those who asked for a restart.
func (s *Supervisor) settle(err error) {
	for _, r := range s.restarts {
		r.answer(err)
	}
	s.restarts = nil
}
