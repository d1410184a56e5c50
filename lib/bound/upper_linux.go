package bound

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
	"pidbox/lib/proc/procfs"
	"pidbox/lib/spawn"
)

// Upper is the run of this program that runs it again, for a tree: its parent.
type Upper struct {
	handle *proc.Handle
	group  int
	Owner  string // what the upper one was told in addition
}

// variable is how it makes itself known. It is of no use to others: only the parent counts.
const variable = "PIDBOX_BOUND_BY"

// Above is who runs this program again, nil for nobody, and the environment without a trace of it. ErrNoUpper says that it
// has been killed: nothing is to be run.
func Above(environ []string) (up *Upper, env []string, err error) {
	for _, kv := range environ {
		if value, is := strings.CutPrefix(kv, variable+"="); !is {
			env = append(env, kv)
		} else if up, err = above(value); err != nil {
			return nil, nil, ErrNoUpper
		}
	}
	return up, env, nil
}

func above(value string) (*Upper, error) {
	id, owner, _ := strings.Cut(value, " ")
	number, inode, _ := strings.Cut(id, ":")
	pid, err1 := strconv.Atoi(number)
	n, err2 := strconv.ParseUint(inode, 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return nil, nil // no pid-bound has written that
	}
	h, err := proc.OpenInode(pid, n)
	if err != nil {
		return nil, err
	}
	group, err := unix.Getpgid(pid)
	if err != nil || pid != os.Getppid() { // it was our parent until now
		h.Close()
		return nil, ErrNoUpper
	}
	return &Upper{h, group, owner}, nil
}

func (u *Upper) done() <-chan struct{} {
	if u == nil {
		return nil
	}
	return u.handle.Done()
}

// above says that this is the upper one of two.
func (r *run) above() bool { return r.Upper == nil && r.bond.scope() == Tree }

// runAgain makes the command another run of this program, which runs the command.
func (r *run) runAgain() {
	var inode uint64
	if h, err := proc.Self(); err == nil {
		inode, _ = h.Inode()
		h.Close()
	}
	id := fmt.Sprintf("%d:%d", os.Getpid(), inode)
	if r.Owner != nil {
		id += " " + r.Owner.id
	}
	leads := 0
	r.Command = spawn.Command{Path: "/proc/self/exe", Args: r.Again, Env: append(r.Command.Env, variable+"="+id), ProcessGroup: &leads}
}

// raised says that an unprivileged caller gains privileges by executing the file.
func raised(path string) bool {
	var st unix.Stat_t
	if unix.Geteuid() == 0 || unix.Stat(path, &st) != nil {
		return false
	}
	size, err := unix.Getxattr(path, "security.capability", nil)
	return st.Mode&(unix.S_ISUID|unix.S_ISGID) != 0 || err == nil && size > 0
}

// children are those that this process has already, as one that was executed by a shell may.
func children() (all []*proc.Handle, err error) {
	if some, err := spawn.Children(); err != nil || !some {
		return nil, err
	}
	pids, err := procfs.Numbers()
	if errors.Is(err, proc.ErrNoProc) { // without that only a PID namespace holds COMMAND, and they are not in it
		return nil, nil
	}
	for _, pid := range pids {
		if st, err := procfs.StatOf(pid); err != nil || st.Parent != os.Getpid() {
			continue
		}
		if h, err := proc.Open(pid); err == nil {
			all = append(all, h)
		}
	}
	return all, err
}
