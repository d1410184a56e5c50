package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
	"pidbox/lib/proc/procfs"
)

// Add moves a process into the group, with all of its threads and none of its children.
func (g *Group) Add(pid int) error { return g.write("cgroup.procs", strconv.Itoa(pid)) }

// Remove removes the group, and those below it. It must be empty; that it is gone already is no error.
func (g *Group) Remove() error {
	err := unix.Rmdir(g.path)
	if err == nil {
		return nil // it had none below, as most often
	}
	for _, dir := range slices.Backward(g.dirs()) { // the lowest first
		// the kernel needs a moment after the last process has ended
		for range 100 {
			if err = os.Remove(dir); !errors.Is(err, unix.EBUSY) {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

// PIDs lists the processes in the group and below, ascending, those of other PID namespaces left out.
func (g *Group) PIDs() ([]int, error) {
	var pids []int
	for i, dir := range g.dirs() {
		text, err := procfs.Whole(filepath.Join(dir, "cgroup.procs"))
		if err != nil && (i == 0 || !gone(err)) {
			if gone(err) {
				return nil, nil
			}
			return nil, err
		}
		for word := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

// Populated says that there is a process in the group or below that has not ended. A group that is gone has none.
func (g *Group) Populated() (bool, error) {
	if g.legacy {
		pids, err := g.PIDs()
		return len(pids) > 0, err
	}
	return g.event("populated")
}

// Frozen says that all of the group stands still.
func (g *Group) Frozen() (bool, error) {
	if g.legacy {
		state, err := g.read("freezer.state")
		return state == "FROZEN", ignoreGone(err)
	}
	return g.event("frozen")
}

// Freeze stops all of the group, and returns once it stands still: the cause of ctx says that it did not by then, and it is
// left freezing. What comes into it later stops too.
func (g *Group) Freeze(ctx context.Context) error {
	for wait := time.Millisecond; ; {
		var err error
		if g.legacy { // whose kernel takes another look at each attempt
			err = g.write("freezer.state", "FROZEN")
		} else {
			err = g.write("cgroup.freeze", "1")
		}
		if err != nil {
			return err
		}
		if frozen, err := g.Frozen(); frozen || err != nil {
			return err
		}
		if !g.legacy {
			return g.await(ctx, "frozen", true)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("freeze %s: %w", g.path, context.Cause(ctx))
		case <-time.After(wait):
			wait = min(2*wait, 50*time.Millisecond)
		}
	}
}

// Thaw undoes a Freeze.
func (g *Group) Thaw() error {
	if g.legacy {
		return ignoreGone(g.write("freezer.state", "THAWED"))
	}
	return ignoreGone(g.write("cgroup.freeze", "0"))
}

// Resume does nothing: a frozen group is thawed by Thaw alone, and what a process has stopped itself for is its own affair.
// It stands here so that a schedule knows that there is nothing to do.
func (g *Group) Resume() error { return nil }

// Signal sends a signal to each process in the group and below, to those too that were started meanwhile by one that had not
// yet got it. proc.ErrNotFound says that there is none. KILL is one act of the kernel where it has one.
func (g *Group) Signal(sig syscall.Signal) error {
	if populated, err := g.Populated(); err != nil || !populated {
		return errors.Join(err, notFound(err))
	}
	if sig == syscall.SIGKILL {
		return g.kill()
	}
	return first(g.each(sig, nil))
}

// first is the error, or else one of those of the processes that were not signalled.
func first(refused map[int]error, err error) error {
	for _, pid := range slices.Sorted(maps.Keys(refused)) {
		err = errors.Join(err, refused[pid])
	}
	return err
}

func notFound(err error) error {
	if err != nil {
		return nil
	}
	return proc.ErrNotFound
}

// kill ends all of the group. In a group that is frozen the signals of version 1 arrive when it is thawed, and of version 2
// at once.
func (g *Group) kill() error {
	if !g.legacy {
		switch err := g.write("cgroup.kill", "1"); {
		case err == nil:
			return g.killLeaderless()
		case !errors.Is(err, fs.ErrNotExist):
			return ignoreGone(err)
		}
	}
	limited, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = g.Freeze(limited) // so that none forks meanwhile; one that sleeps in the kernel does not fork either
	err := first(g.each(syscall.SIGKILL, nil))
	return errors.Join(err, g.Thaw())
}

// killLeaderless is for what cgroup.kill passes over: it sends KILL to the first thread of each process, and where that has ended
// before the others nothing comes of it. Those that it has reached are gone, or are fewer, after a moment.
func (g *Group) killLeaderless() error {
	const moment, moments = 10, 100 // in milliseconds
	fd, err := procfs.OpenFile(filepath.Join(g.path, "cgroup.events"), unix.O_RDONLY)
	if err != nil {
		return ignoreGone(err)
	}
	defer unix.Close(fd)
	last := []int(nil)
	for range moments {
		if populated, err := eventOf(fd, "populated"); !populated {
			return ignoreGone(err)
		}
		pids, err := g.PIDs()
		if err != nil {
			return err
		}
		if slices.Equal(pids, last) {
			return first(g.each(syscall.SIGKILL, nil))
		}
		last = pids
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}, moment)
	}
	return nil
}

// each signals process by process, each by a handle that was seen in the group after it was opened, and says which it did
// not: those that allow, which may be nil, has something against, or that the kernel forbids.
func (g *Group) each(sig syscall.Signal, allow proc.Allow) (refused map[int]error, err error) {
	const rounds = 100
	done := map[proc.Identity]bool{}
	refused = map[int]error{}
	for range rounds {
		pids, err := g.PIDs()
		if err != nil {
			return refused, err
		}
		fresh := false
		for _, pid := range pids {
			h, err := proc.Open(pid)
			if err != nil {
				continue // it has ended
			}
			id, err := h.Identity()
			if err == nil && !done[id] && g.holds(pid) {
				done[id], fresh = true, true
				if err := signalAllowed(h, sig, allow); err != nil && !errors.Is(err, proc.ErrNotFound) {
					refused[pid] = err
				}
			}
			h.Close()
		}
		if !fresh {
			break
		}
	}
	return refused, nil
}

// holds says that a process is in the group or below.
func (g *Group) holds(pid int) bool {
	g.mapping.Do(func() { g.mounts = mounts(g.hierarchy()) })
	dir, err := within(strconv.Itoa(pid), g.hierarchy(), g.mounts)
	return err == nil && (dir == g.path || strings.HasPrefix(dir, g.path+"/"))
}

// Has says that a process is in the group itself, now.
func (g *Group) Has(pid int) bool {
	text, err := procfs.Whole(filepath.Join(g.path, "cgroup.procs"))
	return err == nil && slices.Contains(strings.Fields(string(text)), strconv.Itoa(pid))
}

// Holds says that a process is in the group or below, now.
func (g *Group) Holds(pid int) bool { return g.holds(pid) }

// dirs are those of the group and of all below it, the upper ones first.
func (g *Group) dirs() []string {
	dirs := []string{g.path}
	for i := 0; i < len(dirs); i++ {
		entries, _ := os.ReadDir(dirs[i])
		for _, e := range entries {
			if e.IsDir() {
				dirs = append(dirs, filepath.Join(dirs[i], e.Name()))
			}
		}
	}
	return dirs
}

func (g *Group) read(file string) (string, error) {
	text, err := procfs.Whole(filepath.Join(g.path, file))
	return strings.TrimSpace(string(text)), err
}

func (g *Group) write(file, text string) error {
	path := filepath.Join(g.path, file)
	fd, err := procfs.OpenFile(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for {
		if _, err = unix.Write(fd, []byte(text)); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

func (g *Group) event(name string) (bool, error) {
	text, err := g.read("cgroup.events")
	return eventIn(text, name), ignoreGone(err)
}

func eventIn(text, name string) bool { return slices.Contains(strings.Split(text, "\n"), name+" 1") }

// gone says that the group was removed: its files are not there, or lead nowhere.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) }

func ignoreGone(err error) error {
	if gone(err) {
		return nil
	}
	return err
}
