package child

import "sync"

// Orphans collects the processes that a PID 1 inherits, and never one that a part of this program waits for itself: no
// collection happens while a process is being started, and those that were are left to whoever started them. A nil
// value does nothing, for a supervisor that init stands behind.
type Orphans struct {
	alone   bool // there were no children before: whoever comes is the child's
	mu      sync.Mutex
	own     map[int]bool
	guarded int           // functions that start processes of which no number is known
	pending bool          // somebody may have exited whom the last look could not collect
	wake    chan struct{} // nil where Collect is called by the owner
}

// Collect collects those that have exited. A nil value has none.
func (o *Orphans) Collect() {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.collect()
}

// kin is that of a child whose orphans come to us, as all do, and are collected.
func (o *Orphans) kin() *kin {
	if o == nil || !o.alone {
		return nil
	}
	return &kin{func() {}}
}

// birth calls a function that starts a process and gives its PID.
func (o *Orphans) birth(start func() (int, error)) error {
	if o == nil {
		_, err := start()
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	pid, err := start()
	if pid > 0 {
		o.own[pid] = true
	}
	o.again()
	return err
}

// died says that the process has been waited for.
func (o *Orphans) died(pid int) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.own, pid)
	o.again()
}

// Guard runs a function that starts processes and waits for them. Nothing is collected meanwhile, but nobody else who
// starts a process or has waited for one is held up.
func (o *Orphans) Guard(f func() error) error {
	if o == nil {
		return f()
	}
	o.guard(1)
	defer o.guard(-1)
	return f()
}

func (o *Orphans) guard(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.guarded += n
	o.again()
}

func (o *Orphans) again() {
	if !o.pending {
		return
	}
	if o.wake == nil {
		o.collect()
		return
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
}
