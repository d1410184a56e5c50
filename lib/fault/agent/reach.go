package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"pidbox/lib/cgroup"
	"pidbox/lib/child"
	"pidbox/lib/proc"
	"pidbox/lib/spawn"
	"pidbox/lib/stop"
)

// reach is all the processes of a member, wherever they have gone: a control group, or else a tree.
type reach interface {
	stop.Target
	members() ([]int, error)
	paused() (bool, error)    // each of them stands
	resume() error            // what a pause has stopped
	pausing() (string, error) // what Guard is told
}

// group is a control group. What is in it counts, with all that came of it.
type group struct{ *cgroup.Group }

func (g group) members() ([]int, error) { return g.PIDs() }

func (g group) paused() (bool, error) {
	if frozen, err := g.Frozen(); frozen || err != nil {
		return frozen, err
	}
	pids, err := g.PIDs()
	return err == nil && stopped(pids), err
}

func (g group) resume() error {
	err := g.Thaw()
	if pids, failed := g.PIDs(); failed != nil || !slices.ContainsFunc(pids, func(pid int) bool { return stopped([]int{pid}) }) {
		return errors.Join(err, failed)
	}
	return errors.Join(err, g.Signal(syscall.SIGCONT)) // what somebody else has stopped
}

func (g group) pausing() (string, error) { return "group " + g.Path(), nil }

// tree is what descends from the member. Of one that this agent has started those count too whose parents have died: the
// agent is their subreaper. Of one that was adopted, or attached to, its session counts as well.
type tree struct {
	leader *proc.Handle
	helper func(pid int) bool // a child of the agent's own; nil: the member is no child of the agent
}

// families are the parts of the tree, to be closed.
func (t tree) families() ([]*proc.Family, error) {
	if t.helper != nil {
		self, err := proc.Self()
		if err != nil {
			return nil, err
		}
		f, err := self.TreeWithout(func(pid, _ int) bool { return t.helper(pid) })
		return []*proc.Family{f}, err
	}
	f, err := t.leader.Family(proc.Tree, nil)
	if err != nil {
		return nil, err
	}
	all := []*proc.Family{f}
	if f, err = t.leader.Family(proc.Session, nil); err == nil {
		all = append(all, f)
	}
	return all, nil
}

// each does something with the parts. proc.ErrNotFound says that none of them has a process.
func (t tree) each(do func(*proc.Family) error) error {
	all, err := t.families()
	if err != nil {
		return err
	}
	found := false
	for _, f := range all {
		one := do(f)
		f.Close()
		found = found || !errors.Is(one, proc.ErrNotFound)
		if !errors.Is(one, proc.ErrNotFound) {
			err = errors.Join(err, one)
		}
	}
	if !found {
		return proc.ErrNotFound
	}
	return err
}

func (t tree) Signal(sig syscall.Signal) error {
	return t.each(func(f *proc.Family) error { return f.Signal(sig) })
}

func (t tree) Wait(ctx context.Context) error {
	err := t.each(func(f *proc.Family) error { return f.Wait(ctx) })
	if errors.Is(err, proc.ErrNotFound) {
		return nil
	}
	return err
}

func (t tree) members() (pids []int, err error) {
	err = t.each(func(f *proc.Family) error {
		some, err := f.Members()
		pids = append(pids, some...)
		return err
	})
	if errors.Is(err, proc.ErrNotFound) {
		err = nil
	}
	slices.Sort(pids)
	return slices.Compact(pids), err
}

func (t tree) paused() (bool, error) {
	pids, err := t.members()
	return err == nil && stopped(pids), err
}

func (t tree) resume() error { return t.Signal(syscall.SIGCONT) }

func (t tree) pausing() (string, error) {
	pids, err := t.members()
	if err != nil {
		return "", err
	}
	var all []string
	for _, pid := range pids {
		if h, err := proc.Open(pid); err == nil {
			if id, err := h.Identity(); err == nil {
				all = append(all, id.String())
			}
			h.Close()
		}
	}
	return "tree " + strings.Join(all, ";"), nil
}

// stopped says that each of some processes stands by a signal; of none, that they do not. One that sleeps in the kernel, as
// one that waits for a child of vfork(2) which stands, stops before it runs anything of its own again.
func stopped(pids []int) bool {
	standing := 0
	for _, pid := range pids {
		h, err := proc.Open(pid)
		if err != nil {
			continue
		}
		state, err := h.State()
		h.Close()
		switch {
		case err != nil || state == 'Z' || state == 'X' || state == 'D':
		case state == 'T' || state == 't':
			standing++
		default:
			return false
		}
	}
	return standing > 0
}

// Scopes of a member, as Config.Scope.
const (
	ScopeGroup = "cgroup"
	ScopeTree  = "tree"
)

// ScopeError is a scope that cannot be had.
type ScopeError struct{ Err error }

func (e *ScopeError) Error() string { return fmt.Sprintf("scope cgroup: %v", e.Err) }
func (e *ScopeError) Unwrap() error { return e.Err }

// prepare decides by what members are reached that are started here.
func (a *Agent) prepare() error {
	if a.Scope != ScopeTree {
		g, err := cgroup.Make(GroupName(a.Table))
		if err == nil {
			a.group = &group{g}
			g.SweepBeside(TablePrefix)
			a.dropGroup() // it was for finding out
			return nil
		}
		if a.Scope == ScopeGroup {
			return &ScopeError{err}
		}
		a.Log("no control group for the member, its descendants are followed instead: %v", err)
	}
	spawn.AdoptOrphans() // for as long as the agent lives
	a.orphans = child.CollectOrphans()
	return nil
}

// GroupName is the name of the control group of the member with that table: the same, and the namespaces in which it is so.
// Control groups know none of these, and the agents of two containers may share a directory of groups and the path of a pidfile.
func GroupName(table string) string {
	name := table
	for _, kind := range []string{"pid", "mnt"} {
		if info, err := os.Stat("/proc/self/ns/" + kind); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				name += fmt.Sprintf("_%x", st.Ino)
			}
		}
	}
	return name
}

// reached is how the processes of a member are reached that runs already: by the control group that an agent made for it, or
// else as a tree.
func (a *Agent) reached(h *proc.Handle) reach {
	for _, legacy := range []bool{false, true} {
		if g, err := cgroup.Of(h.PID(), legacy); err == nil && strings.HasSuffix(g.Path(), "/"+GroupName(a.Table)) {
			return group{g}
		}
	}
	return tree{leader: h}
}

func (a *Agent) helps(pid int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.helpers[pid]
}

// help says that a process is the agent's own, or is so no longer.
func (a *Agent) help(pid int, is bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if is {
		a.helpers[pid] = true
	} else {
		delete(a.helpers, pid)
	}
}

// dropGroup removes the group unless there are processes in it. It is there only for as long as these are: of an agent that
// is killed nothing stays but the group of a member that outlives it.
func (a *Agent) dropGroup() {
	if a.group == nil {
		return
	}
	if populated, err := a.group.Populated(); err == nil && !populated {
		_ = a.group.Remove()
	}
}

// remake makes the group, for a member that is to be started.
func (a *Agent) remake() error {
	g, err := cgroup.Make(GroupName(a.Table))
	if err != nil {
		return err
	}
	a.group = &group{g}
	return nil
}
