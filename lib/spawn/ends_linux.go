package spawn

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// ends are the descriptors of a start: the gate, a pair of sockets, the report, a pipe, and what the child's places are filled from.
type ends struct {
	gateRead, reportWrite int // the child's, above every place
	gateWrite, reportRead *os.File
	null                  *os.File
	files                 map[int]uintptr
	above                 int         // the first number above all of the above
	leaked                []int       // what to close one by one, on kernels without close_range(2)
	lifted                unix.Rlimit // room for numbers above the caller's soft limit
}

func openEnds(cmd Command) (_ *ends, err error) {
	e := &ends{gateRead: -1, reportWrite: -1, files: map[int]uintptr{}}
	defer func() {
		if err != nil {
			e.closeAll()
		}
	}()
	if e.null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
		return nil, err
	}
	for place, f := range map[int]*os.File{0: cmd.Stdin, 1: cmd.Stdout, 2: cmd.Stderr} {
		if f == nil {
			f = e.null
		}
		e.files[place] = f.Fd()
	}
	for place, f := range cmd.ExtraFiles {
		e.files[place] = f.Fd()
	}
	for place := range e.files {
		e.above = max(e.above, place+1)
	}
	var gate, report [2]int
	if gate, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	e.gateWrite = os.NewFile(uintptr(gate[1]), "gate")
	if e.gateRead, err = lift(gate[0], e.above); err != nil {
		return nil, err
	}
	if err = unix.Pipe2(report[:], unix.O_CLOEXEC); err != nil { // not os.Pipe: the child wants its end blocking
		return nil, os.NewSyscallError("pipe", err)
	}
	e.reportRead = os.NewFile(uintptr(report[0]), "report")
	if e.reportWrite, err = lift(report[1], e.above); err != nil {
		return nil, err
	}
	e.above = max(e.above, e.gateRead+1, e.reportWrite+1)
	for _, source := range e.files {
		e.above = max(e.above, int(source)+1)
	}
	if err = unix.Getrlimit(unix.RLIMIT_NOFILE, &e.lifted); err != nil {
		return nil, err
	}
	e.lifted.Cur = e.lifted.Max
	if unix.CloseRange(^uint(0)>>33, ^uint(0)>>33, 0) != nil {
		e.leaked = openDescriptors(e.above + len(e.files))
	}
	return e, nil
}

// lift moves a descriptor to a number not below floor.
func lift(fd, floor int) (int, error) {
	moved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, floor)
	unix.Close(fd)
	return moved, os.NewSyscallError("fcntl", err)
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
	for _, fd := range []*int{&e.gateRead, &e.reportWrite} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
		}
	}
	if e.null != nil {
		e.null.Close()
	}
}

func (e *ends) closeAll() {
	e.closeChild()
	for _, f := range []*os.File{e.gateWrite, e.reportRead} {
		if f != nil {
			f.Close()
		}
	}
}
