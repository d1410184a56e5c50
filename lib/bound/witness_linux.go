package bound

import (
	"encoding/binary"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"pidbox/lib/child"
	"pidbox/lib/fork"
	"pidbox/lib/proc"
)

// witness is a process in our group that takes no signal: one that is sent to the whole group, by the terminal for example,
// stays pending with it too until we ask for it. So it knows the signals that COMMAND had as well from those that we had
// alone, which a Go program does not: no siginfo_t comes to it. The kernel goes through a group from the last that joined it
// to the first; so what is sent to all is there before it comes to us.
//
// It has no descriptors but two pipes, is killed when we die, and exits when the pipes are closed.
type witness struct {
	handle      *proc.Handle
	ask, answer int
	owed        map[syscall.Signal]bool // that it had, and we have not heard yet
}

// question asks for one signal; the answer is its number, or zero.
type question struct {
	set  [8 / unsafe.Sizeof(uintptr(0))]uintptr
	info [128]byte // a siginfo_t
}

// newWitness is nil where there is none to be had.
func newWitness(o *child.Orphans) *witness {
	var ask, answer [2]int
	if unix.Pipe2(ask[:], unix.O_CLOEXEC) != nil {
		return nil
	}
	defer unix.Close(ask[0])
	w := &witness{ask: ask[1], owed: map[syscall.Signal]bool{}}
	if unix.Pipe2(answer[:], unix.O_CLOEXEC) != nil {
		unix.Close(w.ask)
		return nil
	}
	defer unix.Close(answer[1])
	w.answer = answer[0]
	p, err := newProgram()
	if err != nil {
		w.close()
		return nil
	}
	var q question
	never := unix.Timespec{}
	p.do(unix.SYS_PRCTL, unix.PR_SET_NAME, p.text("pid-bound-hear"))
	p.do(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL))
	p.do(unix.SYS_CHDIR, p.text("/"))
	p.closeBut(ask[0], answer[1])
	first := len(p.Calls)
	at := address(p, &q)
	p.do(unix.SYS_READ, uintptr(ask[0]), at, unsafe.Sizeof(q.set)+4)
	p.do(unix.SYS_RT_SIGTIMEDWAIT, at, at+unsafe.Offsetof(q.info), address(p, &never), unsafe.Sizeof(q.set))
	p.do(unix.SYS_WRITE, uintptr(answer[1]), at+unsafe.Offsetof(q.info), 4)
	last := &p.Calls[len(p.Calls)-1]
	last.How, last.Step = fork.Again, int32(first)
	if w.handle, err = p.run(o); err == nil {
		err = w.handle.Signal(unix.SIGCONT)
	}
	if had, knows := w.had(unix.SIGCONT); err != nil || !had || !knows { // a filter, another kernel
		w.close()
		return nil
	}
	return w
}

// had says whether the signal was sent to all of the group, once for each time; knows is false where it cannot be told.
func (w *witness) had(s syscall.Signal) (had, knows bool) {
	if w == nil || w.ask < 0 {
		return false, false
	}
	if w.owed[s] {
		delete(w.owed, s)
		return true, true
	}
	var q question
	word := unsafe.Sizeof(uintptr(0)) * 8
	q.set[(uintptr(s)-1)/word] |= 1 << ((uintptr(s) - 1) % word)
	asked := unsafe.Slice((*byte)(unsafe.Pointer(&q)), unsafe.Sizeof(q.set)+4)
	if n, err := unix.Write(w.ask, asked); err != nil || n != len(asked) {
		w.close()
		return false, false
	}
	var number [4]byte
	for _, patience := range []int{1000, 1000} {
		if w.readable(patience) {
			n, err := unix.Read(w.answer, number[:])
			if err != nil || n != len(number) {
				break
			}
			return binary.NativeEndian.Uint32(number[:]) == uint32(s), true
		}
		_ = w.handle.Signal(unix.SIGCONT) // it was stopped with us, and we were continued alone
	}
	w.close()
	return false, false
}

func (w *witness) readable(patience int) bool {
	fds := []unix.PollFd{{Fd: int32(w.answer), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, patience)
		if err != unix.EINTR {
			return n > 0
		}
	}
}

// keep is for signals that a stop or the CONT after it makes the kernel drop: it remembers those that were sent.
func (w *witness) keep(some ...syscall.Signal) {
	for _, s := range some {
		if had, _ := w.had(s); had {
			w.owed[s] = true
		}
	}
}

// close ends it. A nil witness is closed.
func (w *witness) close() {
	if w == nil || w.ask < 0 {
		return
	}
	unix.Close(w.ask)
	unix.Close(w.answer)
	w.ask = -1
	over(w.handle)()
}
