package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"pidbox/lib/proc"
)

// Own makes a group for one process, which is not in it yet, below the one that the caller is in; see Make. It is new and
// empty. Its name says whose it is, so that no two processes have the same.
func Own(id proc.Identity) (*Group, error) {
	g, err := makeEither(ownName(id), true)
	if err == nil && len(g.path) > proc.CgroupLimit {
		_ = g.Remove()
		err = none("its path is too long for a record")
	}
	if err != nil {
		return nil, err
	}
	sweepLost(path.Dir(g.path))
	return g, nil
}

// lostAge is far more than a group is empty for before its process comes into it.
const lostAge = time.Minute

// sweepLost removes the empty groups of processes that are gone, of whose makers none came to do that.
func sweepLost(above string) {
	sweep(above, ownPrefix, func(name string) bool {
		var pid int
		var inode uint64
		if n, _ := fmt.Sscanf(name, ownPrefix+"%d-%d", &pid, &inode); n != 2 {
			return false
		}
		h, err := proc.OpenInode(pid, inode)
		if err == nil {
			h.Close()
		}
		return errors.Is(err, proc.ErrNotFound) // a kernel without such inodes knows of none
	})
}

// SweepBeside removes the groups beside this one whose names begin with prefix, if they are empty and were made more than a
// minute ago. Whoever makes such groups has them only for as long as there are processes for them.
func (g *Group) SweepBeside(prefix string) {
	sweep(path.Dir(g.path), prefix, func(string) bool { return true })
}

func sweep(above, prefix string, lost func(name string) bool) {
	entries, _ := os.ReadDir(above)
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()).Abs() < lostAge || !lost(e.Name()) {
			continue
		}
		if g, err := Open(path.Join(above, e.Name())); err == nil {
			if populated, err := g.Populated(); err == nil && !populated {
				_ = g.Remove() // rmdir(2) takes none that has a process
			}
		}
	}
}

const ownPrefix = "pidbox-"

func ownName(id proc.Identity) string {
	distinct := id.Inode
	if distinct == 0 {
		distinct = id.Start
	}
	return ownPrefix + strconv.Itoa(id.PID) + "-" + strconv.FormatUint(distinct, 10)
}

// Reopen is the group that a record names for a process: fs.ErrNotExist if it was removed, or another has its path by now, or
// if the record is of an earlier boot or another PID namespace, or its group none that Own makes.
func Reopen(of proc.Identity, mark proc.Cgroup) (*Group, error) {
	gone := &fs.PathError{Op: "open control group", Path: mark.Path, Err: fs.ErrNotExist}
	here := proc.Here()
	switch {
	case mark.ID == 0, of.Boot == "" || of.Boot != here.Boot, of.Namespace != here.Namespace:
		return nil, gone
	case !strings.HasPrefix(path.Base(mark.Path), ownPrefix) || path.Clean(mark.Path) != mark.Path:
		return nil, gone
	}
	g, err := Open(mark.Path)
	if err != nil {
		return nil, err
	}
	if g.id != mark.ID {
		return nil, gone
	}
	return g, nil
}

// Sweep removes the group that a record names for a process, if nothing is left in it. It must be of a user whose processes
// could be signalled on the word of that record: allow is as for Members.
func Sweep(of proc.Identity, mark proc.Cgroup, allow proc.Allow) {
	g, err := Reopen(of, mark)
	if err != nil || allow != nil && allow(of.PID, g.owner, g.owner) != nil {
		return
	}
	if populated, err := g.Populated(); err == nil && !populated {
		_ = g.Remove()
	}
}

// Enter moves the calling process into a group of its own; leave moves it back, with the rights of another thread, since
// this one may have given up its own, and removes the group.
func Enter(self *proc.Handle) (g *Group, leave func(), err error) {
	id, err := self.Identity()
	if err != nil {
		return nil, nil, err
	}
	if g, err = Own(id); err != nil {
		return nil, nil, err
	}
	if err = g.Add(id.PID); err != nil {
		_ = g.Remove()
		return nil, nil, fmt.Errorf("enter %s: %w", g.path, err)
	}
	return g, func() {
		left := make(chan struct{})
		go func() {
			above := Group{path: path.Dir(g.path)}
			if above.Add(id.PID) == nil {
				_ = g.Remove()
			}
			close(left)
		}()
		<-left
	}, nil
}
