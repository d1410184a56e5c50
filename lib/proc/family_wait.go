package proc

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"
)

// Wait returns nil once no member is alive, and the cause of ctx if that ends first. A *DoubtError means that processes
// are left of which nothing proves that they are members, a *Refused that only those are left which must not be
// signalled.
//
// It sleeps until the kernel says that one has ended, and searches again when all have; or, where others may become
// unknown, when half of those that were left at the last search have ended since.
func (f *Family) Wait(ctx context.Context) error {
	if f.scope == Process || f.alone {
		if err := f.usable(); err != nil {
			return err
		}
		if err := f.leaderRefused(); err != nil {
			return err
		}
		ctx, stop := until(ctx, f.life)
		defer stop()
		return f.leader.Wait(ctx)
	}
	ctx, stop := until(ctx, f.life, f.leader.life)
	defer stop()
	last := -1 // how many were alive at the last search
	// Twice, for a process that forks and ends while /proc is read may be missed once.
	for empty := 0; ; {
		live, err := f.live(&last, empty > 0)
		switch {
		case err != nil && f.blind(err):
			return f.waitUnseen(ctx)
		case err != nil:
			return err
		case len(live) > 0:
			empty = 0
			if err := awaitOne(ctx, live); err != nil {
				return err
			}
			continue
		}
		if empty++; empty == 2 || f.groupGone() {
			if over, err := f.over(); over || err != nil {
				return err
			}
			empty = 0
		}
	}
}

// live are the handles of the live members that may be signalled. It searches first where too many have ended since the
// last time; again says that the last search was a moment ago.
func (f *Family) live(last *int, again bool) ([]*Handle, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(); err != nil {
		return nil, err
	}
	live, more, err := f.awake()
	if err != nil {
		return nil, err
	}
	known := f.assured()
	if *last < 0 && (f.searches > 0 || known) {
		*last = len(live)
	}
	ended := *last - len(live)
	switch {
	case len(live) == 0, *last < 0, more && ended > 0, !known && ended > 0 && ended >= len(live):
	default:
		return live, nil
	}
	f.brief = again || len(live) > 0
	err = f.look()
	f.brief = false
	if err == nil {
		err = f.refill()
	}
	if err != nil {
		return nil, err
	}
	live, _, err = f.awake()
	*last = len(live)
	return live, err
}

// assured says that the others can be found as well later: the leader lives, or its number is that of its group or session
// still.
func (f *Family) assured() bool {
	if alive, err := f.leader.Alive(); err == nil && alive {
		return true
	}
	return f.scope != Tree && f.leader.link.kept()
}

// awake are the held ones that are alive and may be signalled; more says that there are others without a handle.
func (f *Family) awake() (live []*Handle, more bool, err error) {
	for _, m := range f.all() {
		if m.handle == nil {
			more = true
			continue
		}
		alive, err := m.handle.Alive()
		if err != nil {
			return nil, false, err
		}
		if alive && f.forbids(m) == nil {
			live = append(live, m.handle)
		}
	}
	return live, more, nil
}

// refill gives handles to members that had none, as far as there is room.
func (f *Family) refill() error {
	free := f.room - f.held()
	for _, m := range f.all() {
		if m.handle != nil || free <= 0 {
			continue
		}
		h, _, err := m.open()
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if alive, err := h.Alive(); err == nil && !alive {
			h.Close()
			continue
		}
		m.handle = h
		free--
	}
	return nil
}

// over is asked when nobody was found to wait for: those that must not be signalled may be left, and doubtful ones.
func (f *Family) over() (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	refused := map[int]error{}
	for _, m := range f.all() {
		alive, err := m.alive()
		switch why := f.forbids(m); {
		case err != nil:
			return false, err
		case !alive:
		case why == nil:
			return false, nil
		default:
			refused[m.id.PID] = why
		}
	}
	if len(refused) > 0 {
		return true, f.refusal(refused)
	}
	return true, f.doubt()
}

// groupGone says that the kernel knows no group of the leader's number.
func (f *Family) groupGone() bool {
	return f.exact && errors.Is(f.leader.link.signalGroup(0), ErrNotFound)
}

// waitUnseen waits for the leader, and then by short sleeps for the end of the group.
func (f *Family) waitUnseen(ctx context.Context) error {
	if !f.own() {
		if err := f.leader.Wait(ctx); err != nil {
			return err
		}
	}
	if f.reap != nil {
		f.reap()
	}
	return sleepWhile(ctx, func() (bool, error) {
		err := f.leader.link.signalGroup(0)
		switch {
		case errors.Is(err, ErrNotFound):
			return false, nil
		case errors.Is(err, unix.EPERM):
			return true, nil
		}
		return err == nil, err
	})
}
