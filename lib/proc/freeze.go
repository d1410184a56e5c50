package proc

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// looks bounds how often, a millisecond apart, a round of stopping looks whether all stand.
const looks = 100

// freeze stops all members, round by round, and waits a moment until they stand: one that is about to fork still does. It
// is undone at the end of ctx, whose cause it returns, and by a guard if this process is killed. Those that no handle
// holds, for want of descriptors, are left out.
func (f *Family) freeze(ctx context.Context) error {
	d := f.deliver()
	for range rounds {
		fresh, _ := d.fresh()
		var held []*member
		for _, m := range fresh {
			if m.handle != nil {
				held = append(held, m)
			}
		}
		if len(held) == 0 {
			return nil
		}
		f.guards.add(handles(held))
		d.send(unix.SIGSTOP, held)
		if _, err := settle(ctx, held); err != nil {
			d.thaw()
			return err
		}
	}
	return nil
}

func handles(members []*member) (all []*Handle) {
	for _, m := range members {
		all = append(all, m.handle)
	}
	return all
}

// thaw lets all that were stopped go on.
func (d *delivery) thaw() {
	for _, m := range d.all() {
		if _, is := d.sent[m.id.PID]; is {
			_ = m.signal(unix.SIGCONT) // it may be gone
		}
	}
}

// settle waits until the members stand, or a moment: then it reports false.
func settle(ctx context.Context, members []*member) (stood bool, err error) {
	asleep := map[*member]int{}
	for range looks {
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		var moving []*member
		for _, m := range members {
			if !m.stands(asleep) {
				moving = append(moving, m)
			}
		}
		if members = moving; len(members) == 0 {
			return true, nil
		}
		time.Sleep(time.Millisecond)
	}
	return false, nil
}

// stands says that the member runs no more code of its own. One that sleeps in the kernel (D), as one that waits for a
// vfork, does not stop before it wakes, and then stops at once: it counts when it is seen asleep again and again.
func (m *member) stands(asleep map[*member]int) bool {
	st, err := m.handle.link.stat()
	switch {
	case err != nil || st.Ended() || st.State == 'T' || st.State == 't':
		return true
	case st.State != 'D':
		asleep[m] = 0
		return false
	}
	asleep[m]++
	return asleep[m] > 2
}
