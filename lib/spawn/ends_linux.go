package spawn

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc/procfs"
)

// ends are the descriptors of a start: a pair of sockets, over which the child reports and is told to go, and what its
// places are filled from.
type ends struct {
	child  int // above every place
	parent *os.File
	null   *os.File
	files  map[int]uintptr
	floor  int         // the first number above every place
	above  int         // the first number above all of the above
	leaked []int       // what to close one by one, on kernels without close_range(2)
	lifted unix.Rlimit // room for numbers above the caller's soft limit
}

func openEnds(cmd Command) (_ *ends, err error) {
	e := &ends{child: -1, files: map[int]uintptr{}}
	defer func() {
		if err != nil {
			e.closeAll()
		}
	}()
	null, err := procfs.OpenFile(os.DevNull, unix.O_RDWR)
	if err != nil {
		return nil, err
	}
	e.null = os.NewFile(uintptr(null), os.DevNull)
	for place, f := range map[int]*os.File{0: cmd.Stdin, 1: cmd.Stdout, 2: cmd.Stderr} {
		if f == nil {
			f = e.null
		} else if place > 0 {
			cmd.User.share(f)
		}
		e.files[place] = f.Fd()
	}
	for place, f := range cmd.ExtraFiles {
		e.files[place] = f.Fd()
	}
	for place := range e.files {
		e.floor = max(e.floor, place+1)
	}
	e.above = e.floor
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	e.parent = os.NewFile(uintptr(pair[1]), "child")
	if e.child, err = lift(pair[0], e.floor); errors.Is(err, unix.EINVAL) {
		return nil, &StepError{fmt.Sprintf("place descriptor %d", e.floor-1), errors.New("it is beyond the limit nofile")}
	} else if err != nil {
		return nil, err
	}
	e.above = max(e.above, e.child+1)
	for _, source := range e.files {
		e.above = max(e.above, int(source)+1)
	}
	if err = unix.Getrlimit(unix.RLIMIT_NOFILE, &e.lifted); err != nil {
		return nil, err
	}
	e.lifted.Cur = e.lifted.Max
	if unix.CloseRange(math.MaxInt32, math.MaxInt32, 0) != nil {
		e.leaked = openDescriptors(e.above + len(e.files))
	}
	return e, nil
}

// share has the user own a pipe that is to be its output, so that it can open that again as /dev/stdout, where servers in
// containers log to. A file with a name, or a terminal, stays whose it is.
func (u *User) share(f *os.File) {
	const pipes = 0x50495045 // PIPEFS_MAGIC
	var fs unix.Statfs_t
	if fd := int(f.Fd()); u != nil && unix.Fstatfs(fd, &fs) == nil && fs.Type == pipes {
		_ = unix.Fchown(fd, u.UID, -1) // without that right the output is all the same what it was
	}
}

// lift moves a descriptor to a number not below floor, if it is.
func lift(fd, floor int) (int, error) {
	if fd >= floor {
		return fd, nil
	}
	moved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, floor)
	unix.Close(fd)
	return moved, os.NewSyscallError("fcntl", err)
}

// free is the lowest number that no descriptor of the child has.
func (e *ends) free() int {
	n := 0
	for _, taken := e.files[n]; taken || n == e.child; _, taken = e.files[n] {
		n++
	}
	return n
}

// openDescriptors lists what is open here, and all numbers up to a limit where /proc does not tell.
func openDescriptors(below int) []int {
	list := []int{}
	entries, err := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil {
			list = append(list, fd)
		}
	}
	for fd := 0; err != nil && fd < max(below, 4096); fd++ {
		list = append(list, fd)
	}
	return list
}

// closeChild closes the child's side in this process.
func (e *ends) closeChild() {
	if e.child >= 0 {
		unix.Close(e.child)
		e.child = -1
	}
	if e.null != nil {
		e.null.Close()
	}
}

func (e *ends) closeAll() {
	e.closeChild()
	if e.parent != nil {
		e.parent.Close()
	}
}
