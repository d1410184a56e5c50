package proc

import (
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"pidbox/lib/fork"
)

// guards are copies of this process that let stopped members go on if it is killed before it has killed them. Each holds
// the descriptors of some members, and the reading end of a pipe whose writing end only this process keeps.
type guards struct {
	read, write *os.File
	pids        map[int]bool
}

// add forks a guard of those members. Where there can be none, the members are stopped without.
func (g *guards) add(members []*Handle) {
	if g.write == nil {
		var ends [2]int
		if unix.Pipe2(ends[:], unix.O_CLOEXEC) != nil {
			return
		}
		g.read, g.write = os.NewFile(uintptr(ends[0]), "pipe"), os.NewFile(uintptr(ends[1]), "pipe")
		g.pids = map[int]bool{}
	}
	p := &fork.Program{}
	p.Keep = append(p.Keep, p) // on the heap
	do := func(number uintptr, args ...uintptr) {
		c := fork.Call{Number: number, How: fork.May}
		copy(c.Args[:], args)
		p.Calls = append(p.Calls, c)
	}
	do(unix.SYS_CLOSE, g.write.Fd())
	do(unix.SYS_SETSID) // who kills this process may kill its group
	do(unix.SYS_READ, g.read.Fd(), uintptr(unsafe.Pointer(&p.Gate)), 1)
	for _, h := range members {
		held, is := h.link.(*pidfd)
		if !is {
			continue
		}
		fd, back, err := held.lend()
		if err != nil {
			continue
		}
		defer back()
		do(unix.SYS_PIDFD_SEND_SIGNAL, uintptr(fd), uintptr(unix.SIGCONT), 0, 0)
	}
	syscall.ForkLock.Lock() // no other child is to inherit the pipe between its making and its execution
	pid, errno := fork.Do(p)
	syscall.ForkLock.Unlock()
	runtime.KeepAlive(p)
	if errno != 0 {
		return
	}
	g.pids[int(pid)] = true
	for range 10 * looks { // before anything is stopped it has left the group
		if group, err := unix.Getpgid(int(pid)); err != nil || group != unix.Getpgrp() {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// release ends the guards, which let go on what is still there.
func (g *guards) release() {
	if g.write == nil {
		return
	}
	g.write.Close()
	g.read.Close()
	for pid := range g.pids {
		for {
			if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
				break // or it was reaped by who waits for all
			}
		}
	}
	*g = guards{}
}

// is says that the number is a guard's.
func (g *guards) is(pid int) bool { return g.pids[pid] }
