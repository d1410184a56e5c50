package bound

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"pidbox/lib/child"
	"pidbox/lib/fork"
	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

// namespace is the bond of a PID namespace.
type namespace struct {
	keeping keeping
	init    *proc.Handle
	user    bool
	self    *proc.Handle
	command *child.Child
}

// newNamespace makes a PID namespace, with privilege or by way of a user namespace.
func newNamespace(k keeping) (*namespace, error) {
	n, err := newInit(k, false)
	if err != nil && k.raised {
		return nil, fmt.Errorf("%w; in a user namespace COMMAND would not get the privileges of its file", err)
	}
	if err != nil {
		var other error
		if n, other = newInit(k, true); other != nil {
			return nil, fmt.Errorf("%w; by a user namespace: %w", err, other)
		}
	}
	if err := k.orphans.Guard(n.probe); err != nil { // or it is taken for an orphan
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

func newInit(k keeping, user bool) (_ *namespace, err error) {
	n := &namespace{keeping: k, user: user}
	for _, bound := range []bool{true, false} {
		if n.init, err = n.start(bound); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = n.close()
		}
	}()
	if user {
		if err = n.mapUser(); err != nil {
			return nil, err
		}
	}
	n.self, err = proc.Self()
	return n, err
}

// start forks the first process of the namespace. It has the kernel collect the orphans that come to it. One that is bound is
// killed by the kernel with us, from Linux 7.1 on, whatever has stopped it.
func (n *namespace) start(bound bool) (*proc.Handle, error) {
	p, err := newProgram()
	if err != nil {
		return nil, err
	}
	p.Flags, p.Bound = unix.CLONE_NEWPID, bound
	if n.user {
		p.Flags |= unix.CLONE_NEWUSER
	}
	uncollected := fork.Handled(fork.Ignored)
	p.do(unix.SYS_RT_SIGACTION, uintptr(unix.SIGCHLD), address(p, &uncollected), 0, fork.SetSize)
	p.do(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL)) // also one that is stopped; it may come too late
	p.alone("pid-bound-init", n.keeping.files()...)
	p.await(n.keeping)
	return p.run(n.keeping.orphans)
}

// mapUser gives the namespace this user and group, under their own numbers.
func (n *namespace) mapUser() error {
	for _, file := range []struct{ name, text string }{
		{"uid_map", fmt.Sprintf("%d %[1]d 1", os.Geteuid())},
		{"setgroups", "deny"},
		{"gid_map", fmt.Sprintf("%d %[1]d 1", os.Getegid())},
	} {
		path := fmt.Sprintf("/proc/%d/%s", n.init.PID(), file.name)
		if err := os.WriteFile(path, []byte(file.text), 0); err != nil {
			return err
		}
	}
	return nil
}

// probe starts a process within and ends it: what a kernel or a filter refuses is known before COMMAND is to run.
func (n *namespace) probe() error {
	cmd := spawn.Command{Path: "/", Args: []string{"/"}}
	n.place(&cmd)
	p, err := spawn.Start(context.Background(), cmd, false)
	if err != nil {
		return err
	}
	defer p.Close()
	return p.Abort()
}

func (*namespace) scope() Scope  { return Namespace }
func (*namespace) keeperFD() int { return -1 }
func (*namespace) guard() error  { return nil }

// place does not make the command mortal: what enters the namespace for it exits before it runs. The first process is.
func (n *namespace) place(cmd *spawn.Command) {
	cmd.Within = &spawn.Init{Process: n.init, User: n.user}
}

func (n *namespace) admit(c *child.Child) error {
	n.command = c
	return nil
}

// family is our children, whose orphans go to the first process of the namespace, and theirs.
func (n *namespace) family(do func(*proc.Family) error) error {
	f, err := n.self.TreeWithout(n.keeping.stranger)
	if err != nil {
		return err
	}
	defer f.Close()
	return do(f)
}

// Signal ends the first process, and by that all, or reaches each: the first one heeds nothing else. Without a /proc to find
// the others in it reaches COMMAND.
func (n *namespace) Signal(s syscall.Signal) error {
	if s == syscall.SIGKILL {
		return n.init.Signal(s)
	}
	err := n.family(func(f *proc.Family) error { return f.Signal(s) })
	if errors.Is(err, proc.ErrNoProc) && n.command != nil {
		return n.command.Signal(s)
	}
	return err
}

func (n *namespace) Resume() error { return n.family((*proc.Family).Resume) }

func (n *namespace) members() (pids []int, err error) {
	if n.empty() {
		return nil, nil
	}
	err = n.family(func(f *proc.Family) (err error) {
		pids, err = f.Members()
		return err
	})
	return slices.DeleteFunc(pids, func(pid int) bool { return pid == n.init.PID() }), err
}

// empty says, without a search of /proc, that COMMAND has exited and that no other is left.
func (n *namespace) empty() bool {
	return n.command != nil && n.command.Over() &&
		childless(fmt.Sprintf("/proc/%d/task", n.init.PID()), func(int) bool { return false }) &&
		childless("/proc/self/task", func(pid int) bool {
			return pid == n.init.PID() || pid == n.command.PID() || n.keeping.stranger(pid, 0)
		})
}

// Wait is for all but the first process, or for that: the kernel has it exit last.
func (n *namespace) Wait(ctx context.Context) error {
	for {
		if alive, err := n.init.Alive(); err == nil && !alive {
			return nil
		}
		pids, err := n.members()
		if errors.Is(err, proc.ErrNoProc) {
			return n.init.Wait(ctx)
		}
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			h, err := proc.Open(pid)
			if err != nil {
				continue
			}
			err = h.Wait(ctx)
			h.Close()
			if err != nil {
				return err
			}
		}
	}
}

// close ends the first process, which by that ends all others, and exits once COMMAND is no zombie of ours.
func (n *namespace) close() error {
	limited, cancel := context.WithTimeout(context.Background(), killWait)
	defer cancel()
	err := n.init.Signal(syscall.SIGKILL)
	if errors.Is(err, proc.ErrNotFound) {
		err = nil
	}
	if n.command != nil && err == nil {
		select {
		case <-n.command.Done():
			_, err = n.command.Reap()
		case <-limited.Done():
		}
	}
	if err == nil {
		err = n.init.Wait(limited)
	}
	n.init.Close()
	if n.self != nil {
		n.self.Close()
	}
	return err
}
