package proc

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// rounds bounds a search among processes that fork for ever.
const rounds = 100

// Signal sends s to every live member, the leader first. ErrNotFound means that none is left, *DoubtError that there
// may be some. A member that must not be signalled is an error, after all others have been.
func (f *Family) Signal(s syscall.Signal) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch f.scope {
	case Process:
		return f.leader.Signal(s)
	case Group:
		if unix.Getpgrp() != f.leader.pid {
			if err := f.leader.link.signalGroup(s); !errors.Is(err, errors.ErrUnsupported) {
				return f.leader.wrap(err)
			}
		}
	case Tree:
		if s == unix.SIGKILL {
			f.freeze()
		}
	}
	sent, failed := map[*Handle]bool{}, error(nil)
	for range rounds {
		fresh, err := f.signalFresh(s, sent)
		if failed == nil {
			failed = err
		}
		if !fresh {
			break
		}
	}
	switch {
	case failed != nil || len(sent) > 0:
		return failed
	case f.doubt() != nil:
		return f.doubt()
	}
	return fmt.Errorf("%s %d: %w", f.scope, f.leader.pid, ErrNotFound)
}

// signalFresh sends s to the live members that did not get it yet.
func (f *Family) signalFresh(s syscall.Signal, sent map[*Handle]bool) (fresh bool, failed error) {
	if err := f.look(); err != nil {
		return false, err
	}
	for _, h := range f.all() {
		if alive, err := h.Alive(); sent[h] || err == nil && !alive {
			continue
		}
		err := h.Signal(s)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		sent[h], fresh = true, true
		if err != nil && failed == nil {
			failed = err
		}
	}
	return fresh, failed
}

// freeze stops all members, and waits a moment until they stand: one that is about to fork still does.
func (f *Family) freeze() {
	sent := map[*Handle]bool{}
	for range rounds {
		if fresh, _ := f.signalFresh(unix.SIGSTOP, sent); !fresh {
			return
		}
		for until := time.Now().Add(100 * time.Millisecond); !f.stands() && time.Now().Before(until); {
			time.Sleep(time.Millisecond)
		}
	}
}

func (f *Family) stands() bool {
	for _, h := range f.all() {
		if st, err := h.link.stat(); err == nil && !st.ended() && st.state != 'T' && st.state != 't' {
			return false
		}
	}
	return true
}
