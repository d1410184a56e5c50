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
type tree struct{ self *proc.Handle }

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
	return &tree{self}, nil
}

func (*tree) scope() Scope               { return Tree }
func (*tree) place(cmd *spawn.Command)   { cmd.Mortal = true }
func (*tree) admit(*child.Child) error   { return nil }
func (*tree) unguarded() <-chan struct{} { return nil }
func (*tree) guard() error               { return nil }
func (t *tree) Resume() error            { return t.with((*proc.Family).Resume) }
func (t *tree) Signal(s syscall.Signal) error {
	return t.with(func(f *proc.Family) error { return f.Signal(s) })
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

// close ends them until none is left: those too that were forked between the looks.
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
