package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
	"pidbox/lib/proc/procfs"
)

// OOM watches whether the kernel's OOM killer ends a process.
//
// The group that a process takes its memory from counts the victims and not who they were. So the process is looked at when
// the kernel says that there was one: it is the process if that is ending at this moment, and else another. The limit is a KILL
// by somebody else within the moment in which another process of the group was the victim.
type OOM struct {
	victim bool
	over   chan struct{}
	stop   func()
	looked *atomic.Int64 // how many victims there were that were others
}

// WatchOOM begins to watch a process, nil where there is nothing to watch it by. The handle must outlive the watch.
func WatchOOM(h *proc.Handle) *OOM {
	w, err := openOOM(h)
	if err != nil {
		return nil
	}
	o := &OOM{over: make(chan struct{}), looked: &w.others}
	var pipe [2]int // of which the runtime's poller need not know
	if unix.Pipe2(pipe[:], unix.O_CLOEXEC) != nil {
		w.close()
		return nil
	}
	wake, waker := pipe[0], pipe[1]
	left := make(chan struct{})
	o.stop = sync.OnceFunc(func() { close(left) })
	go func() {
		select {
		case <-h.Done():
		case <-left:
		}
		unix.Close(waker)
	}()
	go func() {
		defer close(o.over)
		defer unix.Close(wake)
		defer w.close()
		o.victim = w.run(wake)
	}()
	return o
}

// Killed says that the process, which has ended by a KILL, was the OOM killer's victim; of nil it says nothing.
func (o *OOM) Killed() bool {
	if o == nil {
		return false
	}
	<-o.over
	return o.victim
}

// Close ends the watch, also of a process that has ended.
func (o *OOM) Close() {
	if o != nil {
		o.stop()
		<-o.over
	}
}

// counter is what counts the victims of a group, and what wakes who waits for one.
type counter struct {
	h      *proc.Handle
	file   *os.File
	event  int // version 1: an eventfd; -1: poll the file
	legacy bool
	seen   int
	others atomic.Int64
}

func openOOM(h *proc.Handle) (*counter, error) {
	c, err := openMemory(h)
	if err != nil {
		return nil, err
	}
	if c.legacy {
		c.event, err = c.subscribe()
	}
	if err == nil {
		c.seen, err = c.read()
	}
	if err == nil {
		var alive bool
		if alive, err = h.Alive(); err == nil && !alive {
			err = proc.ErrNotFound
		}
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// openMemory opens the file of the group that has the memory controller: the process's own, or the nearest above. What
// counts the victims of that group and not of those below is older than the rest is of use.
func openMemory(h *proc.Handle) (*counter, error) {
	who := strconv.Itoa(h.PID())
	if dir, err := under(who, "memory"); err == nil {
		file, err := open(filepath.Join(dir, "memory.oom_control"))
		return &counter{h: h, file: file, event: -1, legacy: true}, err
	}
	dir, err := under(who, unified)
	if err != nil {
		return nil, err
	}
	for ; ; dir = filepath.Dir(dir) {
		file, err := open(filepath.Join(dir, "memory.events.local"))
		if err == nil {
			return &counter{h: h, file: file, event: -1}, nil
		}
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err != nil { // above the mount
			return nil, err
		}
	}
}

// open opens a file that the runtime's poller need not know of.
func open(path string) (*os.File, error) {
	fd, err := procfs.OpenFile(path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// subscribe has an eventfd written to whenever the group is out of memory: see memcg-v1's documentation.
func (c *counter) subscribe() (int, error) {
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return -1, err
	}
	control, err := procfs.OpenFile(filepath.Join(filepath.Dir(c.file.Name()), "cgroup.event_control"), unix.O_WRONLY)
	if err == nil {
		_, err = unix.Write(control, fmt.Appendf(nil, "%d %d", event, c.file.Fd()))
		unix.Close(control)
	}
	if err != nil {
		unix.Close(event)
		return -1, err
	}
	return event, nil
}

func (c *counter) close() {
	if c.event >= 0 {
		unix.Close(c.event)
	}
	c.file.Close()
}

func (c *counter) read() (int, error) {
	text, err := io.ReadAll(io.NewSectionReader(c.file, 0, 4096))
	if err != nil {
		return 0, err
	}
	word := procfs.Field(text, "oom_kill ")
	if word == nil {
		return 0, errors.ErrUnsupported
	}
	return strconv.Atoi(string(word))
}

// run returns, once the process has ended or the watch is over, whether it was the victim.
func (c *counter) run(over int) bool {
	source := unix.PollFd{Fd: int32(c.file.Fd()), Events: unix.POLLPRI}
	if c.legacy {
		source = unix.PollFd{Fd: int32(c.event), Events: unix.POLLIN}
	}
	for {
		fds := []unix.PollFd{source, {Fd: int32(over), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return false
		}
		ended := fds[1].Revents != 0
		if c.legacy && fds[0].Revents&unix.POLLIN == 0 || fds[0].Revents == 0 && !ended {
			if ended {
				return false
			}
			continue
		}
		if c.doomed(ended) {
			return true
		}
		if ended {
			return false
		}
	}
}

// doomed says that there was a victim, and that it is the process. Version 2 tells of a victim a moment before that gets its
// signal, version 1 before it is chosen, which may take long.
func (c *counter) doomed(ended bool) bool {
	if c.legacy {
		var b [8]byte
		_, _ = unix.Read(c.event, b[:]) // so that the next one is seen
	}
	const looks, long = 3, 2000
	left := looks
	if c.legacy {
		left = long
	}
	for was := c.seen; left > 0; left-- {
		n, err := c.read()
		if err != nil {
			return false
		}
		if n > c.seen {
			c.seen, left = n, looks
		}
		switch {
		case n > was && (ended || c.ending()):
			return true
		case ended && !c.legacy:
			return false
		}
		time.Sleep(time.Millisecond)
	}
	c.others.Store(int64(c.seen))
	return false
}

// ending says that the process has been sent a KILL, or exits.
func (c *counter) ending() bool {
	const exiting, signaled = 0x4, 0x400 // PF_ of sched.h
	if alive, err := c.h.Alive(); err != nil || !alive {
		return true
	}
	if st, err := procfs.StatOf(c.h.PID()); err == nil && st.Flags&(exiting|signaled) != 0 {
		return true
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.h.PID()))
	if err != nil {
		return false
	}
	for _, key := range []string{"SigPnd:", "ShdPnd:"} {
		if set, err := strconv.ParseUint(string(bytes.TrimSpace(procfs.Field(text, key))), 16, 64); err == nil && set>>(unix.SIGKILL-1)&1 != 0 {
			return true
		}
	}
	return false
}
