package agent

import (
	"crypto/subtle"
	"time"

	"pidbox/lib/fault"
)

// lease says which tester may give orders. It keeps two testers from breaking one cluster together, and heals the
// member when its tester is gone.
type lease struct {
	fault.Lease
	timer *time.Timer
}

func (l *lease) owner() string {
	if l == nil {
		return ""
	}
	return l.Owner
}

func (l *lease) stop() {
	if l != nil {
		l.timer.Stop()
	}
}

// allows says whether the holder of id may give orders.
func (l *lease) allows(id string) error {
	if l != nil && subtle.ConstantTimeCompare([]byte(id), []byte(l.ID)) != 1 {
		return refuse(409, "the member is leased to %s", l.Owner)
	}
	return nil
}

// Lease takes or renews the lease.
func (a *Agent) Lease(l fault.Lease) error {
	ttl := time.Duration(l.TTL)
	if l.ID == "" || len(l.ID) > 128 || len(l.Owner) > 256 || ttl < 100*time.Millisecond || ttl > time.Minute {
		return refuse(400, "a lease needs an id, and a ttl of 100ms to 1m")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.lease.allows(l.ID); err != nil {
		return err
	}
	a.lease.stop()
	next := &lease{Lease: l}
	next.timer = time.AfterFunc(ttl, func() { a.lapse(next) })
	a.lease = next
	return nil
}

func (a *Agent) lapse(l *lease) {
	a.mu.Lock()
	current := a.lease == l // else it was renewed meanwhile
	if current {
		a.lease = nil
	}
	a.mu.Unlock()
	if !current {
		return
	}
	a.Log("%s is gone, healing", l.Owner)
	if err := a.Heal(); err != nil {
		a.Log("heal: %v", err)
	}
}

// Release gives the lease back. Faults stay until their hold ends.
func (a *Agent) Release(id string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.lease.allows(id); err != nil {
		return err
	}
	a.lease.stop()
	a.lease = nil
	return nil
}

func (a *Agent) allows(id string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lease.allows(id)
}
