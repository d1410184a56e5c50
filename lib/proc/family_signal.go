package proc

import (
	"context"
	"errors"
	"maps"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// rounds bounds a search among processes that fork for ever.
const rounds = 100

// Signal sends s to every live member, the leader first. ErrNotFound means that none is left, *DoubtError that there may
// be some, *Refused that Allow forbade some. A member that the kernel does not let the caller signal is an error, after
// all others have been.
func (f *Family) Signal(s syscall.Signal) error { return f.SignalContext(context.Background(), s) }

// SignalContext is Signal. Where members are stopped before the KILL of a tree, the end of ctx lets them go on, and is the
// error.
func (f *Family) SignalContext(ctx context.Context, s syscall.Signal) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(); err != nil {
		return err
	}
	switch {
	case f.scope == Process:
		if err := f.leaderRefused(); err != nil {
			return err
		}
		return f.leader.Signal(s)
	case f.alone:
		return f.signalUnsearched(s)
	case f.exact && f.allow == nil && unix.Getpgrp() != f.leader.pid:
		return f.signalGroup(s)
	case f.scope == Tree && s == unix.SIGKILL:
		defer f.guards.release()
		if err := f.freeze(ctx); err != nil {
			return err
		}
	}
	d := f.deliver()
	for range rounds {
		fresh, err := d.fresh()
		if err != nil {
			d.fail(err)
		}
		if len(fresh) == 0 {
			break
		}
		d.send(s, fresh)
	}
	return d.outcome()
}

// signalUnsearched reaches the leader if not the group.
func (f *Family) signalUnsearched(s syscall.Signal) error {
	if f.leader.link.signalGroup(s) == nil {
		return nil
	}
	return f.leader.Signal(s)
}

// signalGroup sends s by the kernel's word on the group, and to each member that is not in the group any more through its
// own handle: to those that had left it before, and to those that were not in it after, which it may have missed.
func (f *Family) signalGroup(s syscall.Signal) error {
	if s != 0 && f.searches == 0 {
		if err := f.look(); err != nil && !f.blind(err) {
			return err
		}
	}
	strays := f.strays()
	err := f.leader.link.signalGroup(s)
	maps.Copy(strays, f.strays())
	d := f.deliver()
	if err == nil {
		d.reached++
	} else if !errors.Is(err, ErrNotFound) {
		d.fail(f.wrap(err))
	}
	for _, m := range f.all() {
		if strays[m.id.PID] {
			d.send(s, []*member{m})
		} else if alive, _ := m.alive(); alive && err == nil {
			d.send(0, []*member{m}) // the kernel is content if it may signal one of them
		}
	}
	return d.outcome()
}

// strays are the live members that are not in the leader's group.
func (f *Family) strays() map[int]bool {
	strays := map[int]bool{}
	for _, m := range f.all() {
		err := m.do(func(h *Handle) error {
			group, err := h.group()
			if err == nil && group != f.leader.pid {
				alive, err := h.Alive()
				strays[m.id.PID] = alive || err != nil
			}
			return err
		})
		_ = err // it is gone
	}
	return strays
}

// delivery is one signal on its way to the members.
type delivery struct {
	*Family
	sent    map[int]Identity // who has got it
	refused map[int]error
	reached int
	failed  error // the first failure
}

func (f *Family) deliver() *delivery {
	return &delivery{Family: f, sent: map[int]Identity{}, refused: map[int]error{}}
}

func (d *delivery) fail(err error) {
	if d.failed == nil {
		d.failed = err
	}
}

// fresh searches for the live members that did not get the signal yet, less those that are not to get it.
func (d *delivery) fresh() (fresh []*member, err error) {
	if err := d.look(); err != nil {
		return nil, err
	}
	clear(d.refused)
	for _, m := range d.all() {
		if sent, is := d.sent[m.id.PID]; is && sent == m.id {
			continue
		}
		alive, err := m.alive()
		switch {
		case err == nil && !alive:
			continue
		case exhausted(err):
			return nil, err
		}
		if why := d.forbids(m); why != nil {
			d.refused[m.id.PID] = why
			continue
		}
		fresh = append(fresh, m)
	}
	return fresh, nil
}

// forbids asks Allow with the users that the member has now: a set-user-ID program gives it others.
func (f *Family) forbids(m *member) error {
	if f.allow == nil {
		return nil
	}
	who := nobody()
	err := m.do(func(h *Handle) (err error) {
		who, err = h.Credentials()
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return f.allow(m.id.PID, who.RUID, who.SUID)
}

func (d *delivery) send(s syscall.Signal, to []*member) {
	for _, m := range to {
		err := m.signal(s)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		d.sent[m.id.PID] = m.id
		d.reached++
		if err != nil {
			d.fail(err)
		}
	}
}

func (d *delivery) outcome() error {
	switch {
	case d.failed != nil:
		return d.failed
	case len(d.refused) > 0:
		return d.refusal(d.refused)
	case d.reached > 0:
		return nil
	case d.doubt() != nil:
		return d.doubt()
	}
	return d.wrap(ErrNotFound)
}

// leaderRefused is a *Refused if the leader, alone, must not be signalled.
func (f *Family) leaderRefused() error {
	if f.allow == nil {
		return nil
	}
	why := f.forbids(&member{Identity{PID: f.leader.pid}, f.leader})
	if why == nil {
		return nil
	}
	if alive, err := f.leader.Alive(); err == nil && !alive {
		return nil
	}
	return f.refusal(map[int]error{f.leader.pid: why})
}

func (f *Family) refusal(refused map[int]error) error {
	pids := slices.Sorted(maps.Keys(refused))
	return &Refused{f.leader.pid, f.scope, pids, refused[pids[0]]}
}

// Resume sends CONT to each member that is stopped: until then it sees no other signal.
func (f *Family) Resume() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(); err != nil {
		return err
	}
	var failed error
	for _, m := range f.all() {
		if f.forbids(m) != nil {
			continue
		}
		err := m.do((*Handle).Resume)
		if err != nil && !errors.Is(err, ErrNotFound) && failed == nil {
			failed = err
		}
	}
	return failed
}
