package bound

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/cgroup"
	"pidbox/lib/child"
	"pidbox/lib/proc"
	"pidbox/lib/proc/procfs"
	"pidbox/lib/random"
	"pidbox/lib/spawn"
)

// group is the bond of a control group of version 2.
type group struct {
	*cgroup.Group
	keeping keeping
	dir     *os.File
	kill    *os.File // cgroup.kill, for the keeper
	above   *os.File
	self    *proc.Handle
	keeper  *proc.Handle
	killed  bool
	emptied bool
}

// prefix is how the names of our groups begin.
const prefix = "pid-bound-"

func newGroup(k keeping) (_ *group, err error) {
	g := &group{keeping: k}
	if g.Group, err = cgroup.MakeKillable(fmt.Sprintf("%s%d-%s", prefix, os.Getpid(), random.Text(4))); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = g.close()
		}
	}()
	above := filepath.Dir(g.Path())
	// A process is moved by who may write to the group that it comes from, is born in and goes to: clone(2), cgroups(7).
	if err = unix.Access(filepath.Join(above, "cgroup.procs"), unix.W_OK); err != nil {
		return nil, &os.PathError{Op: "write to", Path: above, Err: err}
	}
	if g.self, err = proc.Self(); err != nil {
		return nil, err
	}
	for _, f := range []struct {
		to    **os.File
		path  string
		flags int
	}{
		{&g.dir, g.Path(), unix.O_RDONLY},
		{&g.above, above, unix.O_RDONLY},
		{&g.kill, filepath.Join(g.Path(), "cgroup.kill"), unix.O_WRONLY},
	} {
		fd, err := procfs.OpenFile(f.path, f.flags)
		if err != nil {
			return nil, err
		}
		*f.to = os.NewFile(uintptr(fd), f.path)
	}
	g.SweepBeside(prefix) // what a keeper leaves where COMMAND had made groups of its own, or where it was killed as well
	if len(k.strange) == 0 {
		_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	}
	return g, g.guard()
}

func (*group) scope() Scope { return Group }

func (g *group) place(cmd *spawn.Command) { cmd.Group, cmd.Mortal = g.dir, true }

// admit moves one that could not be born in the group.
func (g *group) admit(c *child.Child) error {
	if g.Has(c.PID()) {
		return nil
	}
	return g.Add(c.PID())
}

func (g *group) keeperFD() int { return g.keeper.FD() }

// guard starts a keeper: it kills the group when we are gone, and then removes it, for which those that were killed may need
// a moment.
func (g *group) guard() error {
	p, err := newProgram()
	if err != nil {
		return err
	}
	p.alone("pid-bound-keep", append(g.keeping.files(), g.kill, g.above)...)
	p.await(g.keeping)
	one := [1]byte{'1'}
	name := p.text(filepath.Base(g.Path()))
	kill, above := g.kill.Fd(), g.above.Fd() // once: each is a system call
	text := address(p, &one)
	for pause := time.Millisecond; pause < time.Second; pause *= 2 {
		rest := unix.NsecToTimespec(pause.Nanoseconds())
		p.do(unix.SYS_WRITE, kill, text, 1)
		p.last(unix.SYS_UNLINKAT, above, name, unix.AT_REMOVEDIR)
		p.do(unix.SYS_NANOSLEEP, address(p, &rest), 0)
	}
	keeper, err := p.run(g.keeping.orphans)
	if err != nil {
		return err
	}
	if g.keeper != nil {
		g.keeper.Close()
	}
	g.keeper = keeper
	return nil
}

// empty asks only the kernel's own counts.
func (g *group) empty() bool {
	populated, err := g.Populated()
	g.emptied = err == nil && !populated && g.alone()
	return g.emptied
}

// Signal reaches those too that were moved out of the group, as far as they are ours. They are looked for first: of a thousand
// that are about to exit each would have to be asked whether it is one.
func (g *group) Signal(s syscall.Signal) error {
	g.killed = g.killed || s == syscall.SIGKILL
	f, none := g.strays()
	err := g.Group.Signal(s)
	if none != nil {
		return err
	}
	defer f.Close()
	if also := f.Signal(s); !errors.Is(also, proc.ErrNotFound) && (err == nil || errors.Is(err, proc.ErrNotFound)) {
		err = also
	}
	return err
}

func (g *group) Resume() error {
	pids, err := g.PIDs()
	for _, pid := range pids {
		h, err := proc.Open(pid)
		if err != nil {
			continue
		}
		if g.Holds(pid) {
			_ = h.Resume()
		}
		h.Close()
	}
	return err
}

func (g *group) Wait(ctx context.Context) error {
	if err := g.Group.Wait(ctx); err != nil {
		return err
	}
	f, err := g.strays()
	if err != nil {
		return nil
	}
	defer f.Close()
	if g.killed { // what was moved out comes to us when those above it have exited
		_ = f.Signal(syscall.SIGKILL)
	}
	return f.Wait(ctx)
}

func (g *group) members() ([]int, error) {
	pids, err := g.PIDs()
	if err != nil {
		return nil, err
	}
	if f, err := g.strays(); err == nil {
		defer f.Close()
		more, _ := f.Members()
		pids = append(pids, more...)
	}
	return pids, nil
}

// strays are our descendants outside of the group: proc.ErrNotFound says that there is none, without a search of /proc.
func (g *group) strays() (*proc.Family, error) {
	if g.alone() {
		return nil, proc.ErrNotFound
	}
	return g.self.TreeWithout(func(pid, _ int) bool { return g.other(pid) || g.Holds(pid) })
}

// other says that a child of ours is not of COMMAND.
func (g *group) other(pid int) bool {
	return g.keeper != nil && pid == g.keeper.PID() || g.keeping.stranger(pid, 0)
}

// alone says that no child of ours is a stray. There may be a thousand: zombies are collected first, and the group is asked for all
// that are in it before it is asked for one.
func (g *group) alone() bool {
	g.keeping.orphans.Collect()
	within := sync.OnceValue(func() []int { pids, _ := g.PIDs(); return pids })
	return childless("/proc/self/task", func(pid int) bool {
		if g.other(pid) {
			return true
		}
		_, listed := slices.BinarySearch(within(), pid)
		return listed || g.Holds(pid)
	})
}

func (g *group) close() (err error) {
	if !g.emptied {
		err = g.killAll()
	}
	ended := over(g.keeper) // from here on there is nothing to keep
	if err == nil {
		err = g.Remove()
	}
	ended()
	for _, f := range []*os.File{g.dir, g.kill, g.above} {
		f.Close() // a nil file may be closed
	}
	if g.self != nil {
		g.self.Close()
	}
	return err
}

func (g *group) killAll() error {
	err := g.Group.Signal(syscall.SIGKILL)
	if errors.Is(err, proc.ErrNotFound) {
		err = nil
	}
	limited, cancel := context.WithTimeout(context.Background(), killWait)
	defer cancel()
	if g.killed = true; g.self != nil {
		err = errors.Join(err, g.Wait(limited))
	}
	return err
}
