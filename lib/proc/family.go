package proc

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Family is a process, its leader, and the others in its scope. The calling process never counts as a member.
//
// A number found in /proc is a member only when it was opened, seen in the scope after that, and the scope seen to be
// still the leader's after that: the leader has not been reaped, or its number is known to the kernel as that of its
// group or session, or a member found before is in it still. A member of a group or session that leaves it is let go;
// a descendant stays one, though its parent dies.
//
// From Linux 6.9 on a signal to a group is one indivisible act of the kernel. To a session, a tree or, before, a group,
// it goes to each member through its own handle, and the search is repeated until it finds no more. What escapes is a
// child that a member of a tree forks between the search and its own death by that signal, for it becomes init's; a
// KILL closes that too by stopping all members first. Processes that fork for ever are given up after many rounds, and
// those that /proc hides from the caller are not found.
type Family struct {
	leader *Handle
	owned  bool // Close closes the leader
	scope  Scope
	vouch  func(stat) bool // takes the place of proof; nil for no
	others func(pid, session int) bool

	mu       sync.Mutex
	known    map[int]*Handle // proven members other than the leader
	unproven []int           // seen in the scope by the last search
}

// Family finds the processes in scope. It fails with *NotLeaderError where h does not lead its group or session.
func (h *Handle) Family(scope Scope) (*Family, error) {
	f := &Family{leader: h, scope: scope, known: map[int]*Handle{}}
	if scope == Group || scope == Session {
		st, err := h.link.stat()
		if errors.Is(err, errNoProc) {
			st, err = bare(h.pid).stat()
		}
		if err == nil {
			err = h.link.signal(0) // it had its number while that was looked up
		}
		if err != nil && !errors.Is(err, unix.EPERM) {
			return nil, h.wrap(err)
		}
		if n := scope.number(st); n != h.pid {
			return nil, &NotLeaderError{h.pid, scope, n}
		}
	}
	// The kernel knows who is in a group, and its number stays the leader's; otherwise those found now prove the others.
	if scope == Process || scope == Group && !errors.Is(h.link.signalGroup(0), errors.ErrUnsupported) {
		return f, nil
	}
	if err := f.look(); err != nil && !f.blind(err) {
		f.Close()
		return nil, err
	}
	return f, nil
}

// TreeWithout is Family(Tree) less the children of h that are others, and what descends from those. A child is told by its
// number, and by that of its session.
func (h *Handle) TreeWithout(others func(pid, session int) bool) (*Family, error) {
	f := &Family{leader: h, scope: Tree, others: others, known: map[int]*Handle{}}
	if err := f.look(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// blind says that err, of a search, leaves the kernel's word on a group as a whole.
func (f *Family) blind(err error) bool { return errors.Is(err, errNoProc) && f.scope == Group }

// Blind reports that there is only the kernel's word on a group as a whole, for want of /proc. Then a leader that is an
// unreaped zombie makes it seem to be alive: who is its parent should reap it before waiting for the others.
func (f *Family) Blind() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.scope == Group && f.blind(f.look())
}

// Members lists the numbers of the live members, ascending.
func (f *Family) Members() ([]int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.scope != Process {
		if err := f.look(); err != nil && !f.blind(err) {
			return nil, err
		}
	}
	var pids []int
	for _, h := range f.all() {
		alive, err := h.Alive()
		if err != nil {
			return nil, err
		}
		if alive {
			pids = append(pids, h.pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// Alive reports whether any member is alive.
func (f *Family) Alive() (bool, error) {
	pids, err := f.Members()
	return len(pids) > 0, err
}

// Close lets go of the members, not of the handle that the family was made from.
func (f *Family) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for pid := range f.known {
		f.drop(pid)
	}
	if f.owned {
		return f.leader.Close()
	}
	return nil
}

// Wait returns nil once no member is alive, and the cause of ctx if that ends first. It waits for the leader before it
// looks for others. A *DoubtError means that processes are left of which nothing proves that they are members.
func (f *Family) Wait(ctx context.Context) error {
	if !f.own() {
		if err := f.leader.Wait(ctx); err != nil || f.scope == Process {
			return err
		}
	}
	// Twice, for a process that forks and ends while /proc is read may be missed once.
	for empty := 0; empty < 2; {
		if f.scope == Group && errors.Is(f.leader.link.signalGroup(0), ErrNotFound) {
			return nil
		}
		h, err := f.survivor()
		switch {
		case err != nil && f.blind(err):
			return sleepWhile(ctx, f.groupExists)
		case err != nil:
			return err
		case h == nil:
			empty++
			continue
		}
		empty = 0
		// Nothing tells that a member left the group or session alive, hence another look now and then.
		limited, cancel := context.WithTimeout(ctx, time.Second)
		_ = h.Wait(limited) // it ended, was let go by another search, or ctx has
		cancel()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.doubt()
}

func (f *Family) groupExists() (bool, error) {
	err := f.leader.link.signalGroup(0)
	if errors.Is(err, unix.EPERM) {
		err = nil
	}
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// survivor is a live member, nil if there is none.
func (f *Family) survivor() (*Handle, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.look(); err != nil {
		return nil, err
	}
	for _, h := range f.all() {
		if alive, err := h.Alive(); err != nil || alive {
			return h, err
		}
	}
	return nil, nil
}

func (f *Family) doubt() error {
	if len(f.unproven) == 0 {
		return nil
	}
	return &DoubtError{f.leader.pid, f.scope, slices.Clone(f.unproven)}
}

// all is the leader, which decides what happens to the others, and then those.
func (f *Family) all() []*Handle {
	var all []*Handle
	if !f.own() {
		all = append(all, f.leader)
	}
	for _, pid := range slices.Sorted(maps.Keys(f.known)) {
		all = append(all, f.known[pid])
	}
	return all
}

// own says that the calling process is the leader: the others are all there is.
func (f *Family) own() bool { return f.scope != Process && f.leader.pid == os.Getpid() }

func (f *Family) drop(pid int) {
	f.known[pid].Close()
	delete(f.known, pid)
}
