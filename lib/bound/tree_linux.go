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
	reaped  bool
}

func newTree(k keeping) (*tree, error) {
	if len(k.strange) > 0 {
		return nil, errors.New("it was executed by a program that had children, whose orphans could not be told from COMMAND's")
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

func (*tree) scope() Scope               { return Tree }
func (*tree) place(cmd *spawn.Command)   { cmd.Mortal = true }
func (*tree) unguarded() <-chan struct{} { return nil }
func (*tree) guard() error               { return nil }
func (t *tree) Resume() error            { return t.with((*proc.Family).Resume) }

func (t *tree) admit(c *child.Child) error {
	t.command = c
	return nil
}

// Signal reaches each that a search finds, KILL all.
func (t *tree) Signal(s syscall.Signal) error {
	if s == syscall.SIGKILL && listsChildren() {
		limited, cancel := context.WithTimeout(context.Background(), killWait)
		defer cancel()
		err := t.keeping.orphans.Guard(func() error { return killChildren(limited, t.spare()) })
		switch {
		case err == nil && t.spare() == 0:
			return proc.ErrNotFound
		case err == nil:
			return t.command.Signal(s)
		}
	}
	return t.with(func(f *proc.Family) error { return f.Signal(s) })
}

// spare is the PID of the command, which is for its own waiter.
func (t *tree) spare() int {
	if t.command == nil || t.reaped {
		return 0
	}
	return t.command.PID()
}

func (t *tree) members() (pids []int, err error) {
	err = t.with(func(f *proc.Family) (err error) {
		pids, err = f.Members()
		return err
	})
	return pids, err
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

// close ends them until none is left, COMMAND first: then the kernel knows whether there are others.
func (t *tree) close() error {
	defer t.self.Close()
	limited, cancel := context.WithTimeout(context.Background(), killWait)
	defer cancel()
	if t.command != nil {
		if err := t.command.Signal(syscall.SIGKILL); err == nil || errors.Is(err, proc.ErrNotFound) {
			select {
			case <-t.command.Done():
				_, _ = t.command.Reap()
				t.reaped = true
			case <-limited.Done():
			}
		}
	}
	for {
		err := t.Signal(syscall.SIGKILL)
		if errors.Is(err, proc.ErrNotFound) {
			return nil
		}
		if waited := t.Wait(limited); waited != nil || err == nil {
			return errors.Join(err, waited)
		}
	}
}
