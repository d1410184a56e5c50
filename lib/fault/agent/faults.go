package agent

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/fault/cut"
	"pidbox/lib/fault/disk"
)

// active is a fault in force.
type active struct {
	fault.Active
	fill  *filler
	timer *time.Timer
}

// Put brings a fault into force, in place of the one of that name.
func (a *Agent) Put(id string, s fault.Spec) error {
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`).MatchString(id) {
		return refuse(400, "id %q is not 1 to 32 of a-z, 0-9 and -", id)
	}
	if err := a.checkHold(s.Hold, true); err != nil {
		return err
	}
	a.order.Lock()
	defer a.order.Unlock()
	if a.closed {
		return refuse(503, "the agent is ending")
	}
	f := &active{Active: fault.Active{ID: id, Spec: s}}
	var err error
	switch s.Kind {
	case fault.Fill:
		err = a.putFill(f)
	case fault.EIO, fault.NoSpace, fault.SlowSync:
		err = a.putDisk(id, s)
	default:
		err = a.putCut(id, s)
	}
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if old := a.faults[id]; old != nil {
		old.timer.Stop()
		old.fill.close()
	}
	f.Until = time.Now().Add(time.Duration(s.Hold))
	f.timer = time.AfterFunc(time.Duration(s.Hold), func() { a.expire(f) })
	a.faults[id] = f
	return nil
}

func (a *Agent) putCut(id string, s fault.Spec) error {
	rule, err := cut.Parse(s)
	if err != nil {
		return refusal{400, err}
	}
	if why, no := a.unsupported[s.Kind]; no {
		return refuse(501, "%s: %w: %s", s.Kind, cut.ErrUnsupported, why)
	}
	if old := a.fault(id); old != nil && family(old.Kind) != family(s.Kind) {
		return refuse(409, "fault %s is of another kind", id)
	}
	if err := a.table.Put(id, rule); errors.Is(err, cut.ErrUnsupported) {
		return refuse(501, "%s: %w", s.Kind, err)
	} else if err != nil {
		return err
	}
	return nil
}

func (a *Agent) putFill(f *active) (err error) {
	if a.root == nil {
		return refuse(501, "fill: the agent has no directory")
	}
	if old := a.fault(f.ID); old != nil {
		if family(old.Kind) != fault.Fill {
			return refuse(409, "fault %s is of another kind", f.ID)
		}
		if old.Leave == f.Leave { // it is full already
			a.mu.Lock()
			defer a.mu.Unlock()
			f.fill, old.fill = old.fill, nil
			return nil
		}
		if err := a.remove(f.ID); err != nil {
			return err
		}
	}
	f.fill, err = fill(a.root, f.Leave)
	return err
}

// family is a kind that stands for all that are kept in the same place: only those replace each other.
func family(k fault.Kind) fault.Kind {
	switch k {
	case fault.Fill:
		return fault.Fill
	case fault.EIO, fault.NoSpace, fault.SlowSync:
		return fault.EIO
	}
	return fault.Drop
}

func (a *Agent) fault(id string) *active {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.faults[id]
}

// Remove heals a fault; that there is none is no error.
func (a *Agent) Remove(id string) error {
	a.order.Lock()
	defer a.order.Unlock()
	return a.remove(id)
}

func (a *Agent) remove(id string) error {
	f := a.fault(id)
	if f == nil {
		return nil
	}
	f.timer.Stop()
	var err error
	switch family(f.Kind) {
	case fault.Fill:
		f.fill.close()
	case fault.EIO:
		_, err = disk.Ask(a.diskSocket(), disk.Request{Op: "remove", ID: id})
	default:
		err = a.table.Remove(id)
	}
	if err != nil {
		return err
	}
	a.mu.Lock()
	delete(a.faults, id)
	a.mu.Unlock()
	return nil
}

// removeAll heals the faults of some kinds, as many as it can.
func (a *Agent) removeAll(kinds ...fault.Kind) error {
	a.mu.Lock()
	ids := slices.Collect(maps.Keys(a.faults))
	ids = slices.DeleteFunc(ids, func(id string) bool { return !slices.Contains(kinds, a.faults[id].Kind) })
	a.mu.Unlock()
	var errs []error
	for _, id := range ids {
		errs = append(errs, a.remove(id))
	}
	return errors.Join(errs...)
}

func (a *Agent) expire(f *active) {
	a.order.Lock()
	defer a.order.Unlock()
	if a.fault(f.ID) != f {
		return // replaced meanwhile
	}
	if err := a.remove(f.ID); err != nil {
		a.Log("heal %s after its hold: %v", f.ID, err)
	}
}

// told is a fault with its counters as they stand.
func (a *Agent) told(f *active) fault.Active {
	t := f.Active
	if f.fill != nil {
		t.Free, _ = f.fill.top() // the member may have made room; a tester asks several times a second
		t.Bytes = f.fill.bytes
	} else if family(f.Kind) == fault.EIO {
		if answer, err := disk.Ask(a.diskSocket(), disk.Request{Op: "hello"}); err == nil {
			t.Hits = answer.Hits[f.ID]
		}
	} else if f.Kind != fault.Fill {
		t.Packets, t.Bytes, _ = a.table.Count(f.ID)
	}
	return t
}
