package bound

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"pidbox/lib/child"
	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

// tree is the bond of a subreaper: all that descends from this process.
type tree struct {
	keeping keeping
	self    *proc.Handle
	command *child.Child
}

func newTree(k keeping) (*tree, error) {
	if len(k.strange) > 0 {
		return nil, errors.New("it was executed by a program that had children, whose orphans could not be distinguished from COMMAND's")
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("become the reaper of orphans: %w", err)
	}
	self, err := proc.Self()
	if err != nil {
		return nil, err
	}
	f, err := self.Family(proc.Tree, nil) // which needs /proc
	if err != nil {
		self.Close()
		return nil, err
	}
	f.Close()
	return &tree{keeping: k, self: self}, nil
}

func (*tree) scope() Scope             { return Tree }
func (*tree) place(cmd *spawn.Command) { cmd.Mortal = true }
func (*tree) keeperFD() int            { return -1 }
func (*tree) guard() error             { return nil }
func (t *tree) Resume() error          { return t.with((*proc.Family).Resume) }

func (t *tree) admit(c *child.Child) error {
	t.command = c
	return nil
}

// Signal reaches each that a search finds, KILL all: COMMAND first, for then its children are ours, and the kernel knows
// whether we have any.
func (t *tree) Signal(s syscall.Signal) error {
	if s == syscall.SIGKILL && listsChildren() {
		limited, cancel := context.WithTimeout(context.Background(), killWait)
		defer cancel()
		t.killCommand(limited)
		err := t.keeping.orphans.Guard(func() error { return killChildren(limited) })
		if err == nil {
			return proc.ErrNotFound
		}
	}
	return t.with(func(f *proc.Family) error { return f.Signal(s) })
}

func (t *tree) killCommand(ctx context.Context) {
	if t.command == nil {
		return
	}
	if err := t.command.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, proc.ErrNotFound) {
		return
	}
	select {
	case <-t.command.Done():
		_, _ = t.command.Reap() // its ending is remembered
	case <-ctx.Done():
	}
}

func (t *tree) members() (pids []int, err error) {
	if t.empty() {
		return nil, nil
	}
	err = t.with(func(f *proc.Family) (err error) {
		pids, err = f.Members()
		return err
	})
	return pids, err
}

// empty says, without a search of /proc, that COMMAND has exited and that no other is left.
func (t *tree) empty() bool {
	return t.command != nil && t.command.Over() && childless("/proc/self/task", func(pid int) bool { return pid == t.command.PID() })
}

func (t *tree) Wait(ctx context.Context) error {
	return t.with(func(f *proc.Family) error { return f.Wait(ctx) })
}

func (t *tree) with(do func(*proc.Family) error) error {
	f, err := t.self.Family(proc.Tree, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	return do(f)
}

// close ends them until none is left.
func (t *tree) close() error {
	defer t.self.Close()
	limited, cancel := context.WithTimeout(context.Background(), killWait)
	defer cancel()
	for {
		err := t.Signal(syscall.SIGKILL)
		if errors.Is(err, proc.ErrNotFound) {
			return nil
		}
		if waited := t.Wait(limited); waited != nil {
			return errors.Join(err, waited)
		}
	}
}
