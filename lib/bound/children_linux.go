package bound

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc/procfs"
)

// killChildren kills the children of this process, and those that come to it by that, until there are none; as the
// nearest subreaper it is left with all that descends from it. A process that forks and exits again and again is faster than
// a search of /proc, but not than this. Nobody else may wait for a child meanwhile: so the PIDs are theirs.
//
// Those that may not be signalled are left, with an fs.ErrPermission.
func killChildren(ctx context.Context) error {
	for last := []int(nil); ctx.Err() == nil; {
		pids, err := childrenOf("/proc/self/task")
		if err != nil {
			return err
		}
		if len(pids) > 0 && slices.Equal(pids, last) { // they need a moment
			time.Sleep(time.Millisecond)
		}
		last = pids
		var refused error
		killed := false
		for _, pid := range pids {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil {
				refused = fmt.Errorf("kill process %d: %w", pid, err)
				continue
			}
			killed = true
		}
		if !killed && refused != nil {
			return refused
		}
		reapAll(pids)
		err = unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil) // no child is hidden from the kernel
		if errors.Is(err, unix.ECHILD) {
			return nil
		}
	}
	return context.Cause(ctx)
}

// reapAll waits for those that have exited.
func reapAll(pids []int) {
	for _, pid := range pids {
		_, _ = syscall.Wait4(pid, nil, unix.WNOHANG, nil)
	}
}

// childrenOf are those of each thread, in the directory of the threads: see proc_tid_children(5).
func childrenOf(tasks string) (pids []int, err error) {
	entries, err := os.ReadDir(tasks)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		text, err := procfs.Whole(tasks + "/" + e.Name() + "/children")
		if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ESRCH) {
			return nil, err
		}
		for word := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids, nil
}

// childless says that a process, in the directory of its threads, has no children but those. What cannot be known is no.
func childless(tasks string, but func(pid int) bool) bool {
	pids, err := childrenOf(tasks)
	return err == nil && listsChildren() && !slices.ContainsFunc(pids, func(pid int) bool { return !but(pid) })
}

// listsChildren says that the kernel has that file.
func listsChildren() bool {
	_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d/children", unix.Getpid()))
	return err == nil
}
