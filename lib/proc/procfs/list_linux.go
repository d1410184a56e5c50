package procfs

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// ErrNone says that there is no /proc of the caller's PID namespace.
var ErrNone = errors.New("no /proc of this PID namespace")

// Own says that /proc counts processes like the caller does, which inside a new PID namespace it does not until it is
// mounted again.
func Own() bool {
	self, err := os.Readlink("/proc/self")
	return err == nil && self == strconv.Itoa(os.Getpid())
}

// Numbers lists the processes that /proc shows.
func Numbers() ([]int, error) {
	if !Own() {
		return nil, ErrNone
	}
	fd, err := unix.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	names, err := list(fd, "/proc")
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, err
}

// list reads an open directory and closes it; os.Open would start the runtime's poller.
func list(fd int, name string) ([]string, error) {
	dir := os.NewFile(uintptr(fd), name)
	defer dir.Close()
	return dir.Readdirnames(-1)
}

// Threads gives the state of a thread that runs of the process whose /proc directory is open, 0 for none, and then how
// many have been seen to have ended. Others may have come and gone meanwhile.
func Threads(dir int) (running State, ended int, err error) {
	fd, err := unix.Openat(dir, "task", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, 0, err
	}
	tasks := os.NewFile(uintptr(fd), "task")
	defer tasks.Close()
	names, err := tasks.Readdirnames(-1)
	for _, name := range names {
		id, _ := strconv.Atoi(name)
		st, err := ReadStat(fd, name+"/stat", id)
		switch {
		case err == nil && !st.Ended():
			return st.State, 0, nil
		case err == nil:
			ended++
		case !gone(err):
			return 0, 0, err
		}
	}
	return 0, ended, err
}

// ThreadState is the state of a thread that runs of the process with that number, 0 for none; like StatOf.
func ThreadState(pid int) State {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	state, _, _ := Threads(fd)
	return state
}

// Open counts the descriptors of the caller.
func Open() (int, error) {
	fd, err := unix.Open("/proc/self/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	names, err := list(fd, "/proc/self/fd")
	return len(names) - 1, err
}
