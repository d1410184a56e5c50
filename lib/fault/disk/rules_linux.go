package disk

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"time"

	"pidbox/lib/fault"
)

// rules are the faults in force.
type rules struct {
	mu  sync.Mutex
	all map[string]*rule
}

type rule struct {
	fault.Spec
	until time.Time
	hits  uint64
}

func (r *rules) put(id string, s fault.Spec) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[id] = &rule{Spec: s, until: time.Now().Add(time.Duration(s.Hold))}
}

func (r *rules) remove(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, id)
}

func (r *rules) hits() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	hits := map[string]uint64{}
	for id, one := range r.all {
		hits[id] = one.hits
	}
	return hits
}

// meet is what becomes of an operation on a file: an error, or a wait. grows says that it takes space.
func (r *rules) meet(ctx context.Context, op, name string, grows bool) syscall.Errno {
	var wait time.Duration
	var errno syscall.Errno
	r.mu.Lock()
	for _, one := range r.all { // each ends by itself, also when nobody is left to end it
		if time.Now().After(one.until) || !Matches(one.Paths, name) || !one.applies(op, grows) {
			continue
		}
		if p := one.Percent; p > 0 && rand.Float64()*100 >= p {
			continue
		}
		one.hits++
		switch one.Kind {
		case fault.EIO:
			errno = syscall.EIO
		case fault.NoSpace:
			errno = syscall.ENOSPC
		case fault.SlowSync:
			d := time.Duration(one.Delay)
			if one.Jitter > 0 {
				d += rand.N(2*time.Duration(one.Jitter)) - time.Duration(one.Jitter)
			}
			wait = max(wait, d)
		}
	}
	r.mu.Unlock()
	if wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done(): // or one that waits could not be killed
			return syscall.EINTR
		}
	}
	return errno
}

func (r *rule) applies(op string, grows bool) bool {
	switch r.Kind {
	case fault.EIO:
		return len(r.Ops) == 0 || slices.Contains(r.Ops, op)
	case fault.NoSpace:
		return grows
	}
	return op == opSync
}
