package supervise

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

// A command may put itself into the background, or hand over to a successor of a newer version, and then say in a pidfile of
// its own which process is to be kept from then on. That file is believed as any is: it has the authority of those who could
// have written it. And the process that it names must have come of the command.

// followLimit is how long a command that exited with 0 has to name the process that it left.
const followLimit = 5 * time.Second

// followPause is the pace at which its pidfile is read until then, which may be made, replaced or written at any moment.
const followPause = 20 * time.Millisecond

// Follow returns the child that one which has ended left in its place, and then has closed that one. It is nil if there is
// none, or ctx ends first; the error says why the one that is named is not it, or, of a want of descriptors, that it cannot be
// told.
func (s *Service) Follow(ctx context.Context, ended Child) (Child, error) {
	p, ours := ended.(*process)
	if !ours || s.follow == "" {
		return nil, nil
	}
	end, _ := p.Handle().Ending(ctx) // not known is as good as 0
	for limit := time.Now().Add(followLimit); ; {
		h, err := s.successor(p)
		if err == nil && h != nil {
			next, err := p.Succeed(ctx, h)
			if err != nil {
				h.Close()
				return nil, err
			}
			_, _ = p.Reap()
			p.Close()
			s.last = next
			return &process{next, s, nil}, nil
		}
		if scarce(err) || end != (spawn.Ending{}) || time.Now().After(limit) || ctx.Err() != nil || p.Rest(followPause) {
			return nil, err
		}
	}
}

// successor is the process that the command's pidfile names in place of the child; nil for none.
func (s *Service) successor(of *process) (*proc.Handle, error) {
	rules := pidfile.Rules{AllowInsecure: s.Rules.AllowInsecure}
	if user := s.program.command.User; user != nil {
		rules = rules.Trusting(user.UID)
	}
	named, err := pidfile.Read(s.follow, rules)
	if garbage := (*pidfile.GarbageError)(nil); errors.As(err, &garbage) {
		return nil, nil // it is being written
	}
	if err != nil {
		return nil, err
	}
	defer named.Close()
	h, err := named.Live()
	if err != nil || h == nil || h.PID() == of.PID() {
		return nil, err
	}
	switch ours, err := of.Inherits(h); {
	case errors.Is(err, proc.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case !ours:
		return nil, fmt.Errorf("%s: process %d is not one of COMMAND's", s.follow, h.PID())
	}
	named.Process = nil // kept
	return h, nil
}
