package proc

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc/procfs"
)

// Family is a process, its leader, and the others in its scope. The calling process never counts as a member.
//
// A number found in /proc is a member only when it was opened, seen in the scope after that, and the scope seen to be
// still the leader's after that: the leader has not been reaped, or its number is known to the kernel as that of its
// group or session, or a member found before is in it still. Once proven it stays a member until it ends, whichever
// group it moves to, and a descendant stays one though its parent dies.
//
// From Linux 6.9 on a signal to a group is one indivisible act of the kernel, after which those that have left the group
// get theirs. To a session, a tree, a group before Linux 6.9, or where an Allow has a say, it goes to each member through
// its own handle, and the search is repeated until it finds no more. What escapes is a child that a member of a tree forks
// between the search and its own death by that signal, for it becomes init's; a KILL closes that too by stopping all
// members first. Processes that fork for ever are given up after many rounds, and those that /proc hides from the caller
// are not found.
//
// Each member is held by a descriptor. Where there are more members than descriptors, the others are known by their
// identity, and are opened again for each act.
type Family struct {
	leader *Handle
	owned  bool // Close closes the leader
	scope  Scope
	allow  Allow
	exact  bool                        // the kernel signals the group as a whole, and needs no search for it
	alone  bool                        // only the leader is waited for: see Handle.Unsearched
	vouch  func(procfs.Stat) bool      // takes the place of proof; nil for no
	others func(pid, session int) bool // of a tree: children of the leader that are none of it
	reap   func()

	life  context.Context // ends with Close
	close context.CancelCauseFunc

	mu       sync.Mutex
	known    map[int]*member // proven members other than the leader
	unproven []int           // seen in the scope by the last search
	room     int             // for handles of members
	searches int
	brief    bool                          // the next search may pass over strangers
	scan     func() ([]procfs.Stat, error) // processes
	guards   guards

	strangers map[int]int // of a tree: those that were seen to be none of it, with their parents
}

// member is a process that was proven to be one.
type member struct {
	id     Identity // only what tells it from others with its number
	handle *Handle  // nil for want of descriptors
}

// Allow decides whether a member may be signalled, by its real and saved user, -1 where they are not known; nil for yes.
// It is asked anew before each signal, for the leader too, which may have executed a set-user-ID program since it was
// judged.
type Allow func(pid, ruid, suid int) error

// Family finds the processes in scope, of which those may be signalled that allow has nothing against; nil is for all. It
// fails with *NotLeaderError where h does not lead its group or session, and with ErrNoProc where there is no /proc to
// find them in, and the kernel's word on a group does not do.
func (h *Handle) Family(scope Scope, allow Allow) (*Family, error) {
	if err := h.usable(); err != nil {
		return nil, err
	}
	if scope == ControlGroup {
		return nil, h.wrap(errors.ErrUnsupported)
	}
	f := newFamily(h, scope, allow)
	if scope == Process {
		return f, nil
	}
	if scope != Tree {
		if err := h.leads(scope); err != nil {
			return nil, err
		}
	}
	// The kernel knows who is in a group, and its number stays the leader's; otherwise those found now prove the others.
	f.exact = scope == Group && !errors.Is(h.link.signalGroup(0), errors.ErrUnsupported)
	if f.exact && allow == nil {
		return f, nil
	}
	if err := f.look(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func newFamily(leader *Handle, scope Scope, allow Allow) *Family {
	life, end := context.WithCancelCause(context.Background())
	f := &Family{leader: leader, scope: scope, allow: allow, life: life, close: end, known: map[int]*member{}}
	f.scan = f.processes
	return f
}

func (h *Handle) leads(scope Scope) error {
	st, err := h.link.stat()
	if errors.Is(err, ErrNoProc) {
		st, err = bare(h.pid).stat()
	}
	if err == nil {
		err = h.link.signal(0) // it had its number while that was looked up
	}
	if err != nil && !errors.Is(err, unix.EPERM) {
		return h.wrap(err)
	}
	if n := scope.number(st); n != h.pid {
		return &NotLeaderError{h.pid, scope, n}
	}
	return nil
}

// TreeWithout is Family(Tree, nil) less the children of h that are others, and what descends from those. A child is told
// by its number, and by that of its session.
func (h *Handle) TreeWithout(others func(pid, session int) bool) (*Family, error) {
	if err := h.usable(); err != nil {
		return nil, err
	}
	f := newFamily(h, Tree, nil)
	f.others = others
	if err := f.look(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Unsearched is for where there is no /proc to find others in: a signal goes to the group that h leads, or to h alone
// where it leads none, and Wait is for h only, for whether others are left cannot be told.
func (h *Handle) Unsearched() (*Family, error) {
	if err := h.usable(); err != nil {
		return nil, err
	}
	scope := Group
	if h.leads(Group) != nil || errors.Is(h.link.signalGroup(0), errors.ErrUnsupported) {
		scope = Process
	}
	f := newFamily(h, scope, nil)
	f.exact, f.alone = scope == Group, true
	return f, nil
}

// Reaps names what takes the exit status of the leader, a child of the caller. Wait calls it, once, when the leader has
// ended and there is only the kernel's word on the group as a whole, for want of /proc: of a zombie it says that the group
// is there.
func (f *Family) Reaps(reap func()) { f.reap = sync.OnceFunc(reap) }

// blind says that err, of a search, leaves the kernel's word on a group as a whole.
func (f *Family) blind(err error) bool { return errors.Is(err, ErrNoProc) && f.exact && f.allow == nil }

// Members lists the numbers of the live members, ascending.
func (f *Family) Members() ([]int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.scope != Process && !f.alone {
		if err := f.look(); err != nil && !f.blind(err) {
			return nil, err
		}
	}
	var pids []int
	for _, m := range f.all() {
		alive, err := m.alive()
		if err != nil {
			return nil, err
		}
		if alive {
			pids = append(pids, m.id.PID)
		}
	}
	slices.Sort(pids)
	return pids, f.usable()
}

// Alive reports whether any member is alive.
func (f *Family) Alive() (bool, error) {
	pids, err := f.Members()
	return len(pids) > 0, err
}

// Close lets go of the members, not of the handle that the family was made from. A Wait under way fails with
// os.ErrClosed; Close does not wait for it.
func (f *Family) Close() error {
	f.close(os.ErrClosed)
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

func (f *Family) usable() error {
	if f.life.Err() != nil {
		return f.wrap(os.ErrClosed)
	}
	return f.leader.usable()
}

// all is the leader, which decides what happens to the others, and then those.
func (f *Family) all() []*member {
	var all []*member
	if !f.own() {
		all = append(all, &member{Identity{PID: f.leader.pid}, f.leader})
	}
	var others []*member
	for _, m := range f.known {
		others = append(others, m)
	}
	slices.SortFunc(others, func(a, b *member) int { return a.id.PID - b.id.PID })
	return append(all, others...)
}

// own says that the calling process is the leader: the others are all there is.
func (f *Family) own() bool { return f.scope != Process && f.leader.pid == os.Getpid() }

func (f *Family) drop(pid int) {
	if h := f.known[pid].handle; h != nil {
		h.Close()
	}
	delete(f.known, pid)
	delete(f.strangers, pid)
}

// open gives the member's handle, or opens it again, and what to do with it then.
func (m *member) open() (*Handle, func(), error) {
	if m.handle != nil {
		return m.handle, func() {}, nil
	}
	h, err := Open(m.id.PID)
	if err != nil {
		return nil, nil, err
	}
	if now, err := h.distinct(); err != nil || now != m.id {
		h.Close()
		if err == nil || errors.Is(err, ErrNoProc) {
			err = h.wrap(ErrNotFound)
		}
		return nil, nil, err
	}
	return h, func() { h.Close() }, nil
}

func (m *member) alive() (bool, error) {
	h, done, err := m.open()
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer done()
	return h.Alive()
}

// reaped says that the member is gone for good: its number may be another's.
func (m *member) reaped() bool {
	err := m.do(func(h *Handle) error {
		held, err := h.link.held()
		if err == nil && !held {
			err = ErrNotFound
		}
		return err
	})
	return errors.Is(err, ErrNotFound)
}

func (m *member) stat() (procfs.Stat, error) {
	h, done, err := m.open()
	if err != nil {
		return procfs.Stat{}, err
	}
	defer done()
	return h.link.stat()
}

// do runs an act on the member; ErrNotFound if it is gone.
func (m *member) do(act func(*Handle) error) error {
	h, done, err := m.open()
	if err != nil {
		return err
	}
	defer done()
	return act(h)
}

func (m *member) signal(s syscall.Signal) error {
	return m.do(func(h *Handle) error { return h.Signal(s) })
}

// distinct is as much of an identity as tells the process from others with its number, within this boot.
func (h *Handle) distinct() (Identity, error) {
	id := Identity{PID: h.pid}
	if p, is := h.link.(interface{ inode() uint64 }); is {
		id.Inode = p.inode()
	}
	if id.Inode != 0 {
		return id, nil
	}
	st, err := h.link.stat()
	id.Start = st.Start
	return id, err
}
