package bound

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"pidbox/lib/child"
	"pidbox/lib/fork"
	"pidbox/lib/proc"
)

// program is what a keeper does: it is a copy of this process that makes these system calls and nothing else, with all
// signals blocked.
type program struct {
	fork.Program
	self *os.File // our pidfd
}

func newProgram() (*program, error) {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	p := &program{Program: fork.Program{Calls: make([]fork.Call, 0, 64)}, self: os.NewFile(uintptr(fd), "pidfd")}
	p.Keep = append(p.Keep, p) // on the heap, where nothing moves
	return p, nil
}

func address[T any](p *program, v *T) uintptr {
	p.Keep = append(p.Keep, v)
	return uintptr(unsafe.Pointer(v))
}

func (p *program) text(s string) uintptr {
	b, err := syscall.BytePtrFromString(s)
	if err != nil {
		b, _ = syscall.BytePtrFromString("")
	}
	return address(p, b)
}

func (p *program) do(number uintptr, args ...uintptr) {
	c := fork.Call{Number: number, How: fork.May}
	copy(c.Args[:], args)
	p.Calls = append(p.Calls, c)
}

// last is do for a call after whose success there is no more to do.
func (p *program) last(number uintptr, args ...uintptr) {
	p.do(number, args...)
	p.Calls[len(p.Calls)-1].How = fork.Last
}

// unready is do for a call after whose result of 0 that step is the next.
func (p *program) unready(step int32, number uintptr, args ...uintptr) {
	p.do(number, args...)
	last := &p.Calls[len(p.Calls)-1]
	last.How, last.Step = fork.Unless, step
}

// alone leaves what is ours: the session and with it the terminal, the directory, the descriptors but those.
func (p *program) alone(name string, keep ...*os.File) {
	p.do(unix.SYS_SETSID)
	p.do(unix.SYS_PRCTL, unix.PR_SET_NAME, p.text(name))
	p.do(unix.SYS_CHDIR, p.text("/"))
	fds := []int{int(p.self.Fd())}
	for _, f := range keep {
		fds = append(fds, int(f.Fd()))
	}
	p.closeBut(fds...)
}

func (p *program) closeBut(fds ...int) {
	slices.Sort(fds)
	first := 0
	for _, fd := range fds {
		if fd > first {
			p.do(unix.SYS_CLOSE_RANGE, uintptr(first), uintptr(fd-1), 0)
		}
		first = fd + 1
	}
	p.do(unix.SYS_CLOSE_RANGE, uintptr(first), uintptr(^uint32(0)), 0)
}

// await returns when this process has exited with all of its threads; or when the owner has, or the time is up, and this
// process has not done what it should have in time. That the owner has is believed when it stays so: see proc.Handle.FD.
func (p *program) await(k keeping) {
	fds := &[2]unix.PollFd{{Fd: int32(p.self.Fd()), Events: unix.POLLIN}, {Fd: -1}}
	if k.owner != nil {
		fds[1] = unix.PollFd{Fd: int32(k.owner.file.Fd()), Events: k.owner.events}
	}
	if k.owner == nil && k.until.IsZero() {
		p.do(unix.SYS_PPOLL, address(p, fds), 1, 0, 0)
		return
	}
	limit := uintptr(0)
	if !k.until.IsZero() {
		left := unix.NsecToTimespec(max(0, time.Until(k.until)).Nanoseconds())
		limit = address(p, &left)
	}
	late := unix.NsecToTimespec(k.late.Nanoseconds())
	first := int32(len(p.Calls))
	p.unready(first+3, unix.SYS_PPOLL, address(p, fds), 2, limit, 0) // the kernel writes down what is left of it
	for range 2 {
		p.unready(first, unix.SYS_PPOLL, address(p, fds), 2, address(p, &unix.Timespec{}), 0)
	}
	p.do(unix.SYS_PPOLL, address(p, fds), 1, address(p, &late), 0)
}

// files are those that await needs.
func (k keeping) files() (all []*os.File) {
	if k.owner != nil {
		all = append(all, k.owner.file)
	}
	return all
}

// run starts it, and gives a handle of it, by a pidfd. It is never taken for an orphan before there is that.
func (p *program) run(o *child.Orphans) (h *proc.Handle, err error) {
	defer p.self.Close()
	err = o.Guard(func() error {
		syscall.ForkLock.Lock()
		pid, errno := fork.Do(&p.Program)
		syscall.ForkLock.Unlock()
		runtime.KeepAlive(p)
		if errno != 0 {
			return os.NewSyscallError("fork", errno)
		}
		if h, err = proc.Open(int(pid)); err != nil {
			return err
		}
		if h.FD() < 0 {
			_ = h.Signal(syscall.SIGKILL)
			h.Close()
			return os.NewSyscallError("pidfd_open", errors.ErrUnsupported)
		}
		return nil
	})
	return h, err
}

// over ends a keeper: nothing is to be done for us any more. What it returns waits for that. Its zombie is collected as an
// orphan.
func over(h *proc.Handle) (ended func()) {
	if h == nil {
		return func() {}
	}
	err := h.Signal(syscall.SIGKILL)
	return func() {
		if err == nil {
			awaitExit(h.FD(), killWait)
		}
		h.Close()
	}
}
