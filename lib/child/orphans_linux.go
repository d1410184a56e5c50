package child

import (
	"os"
	"os/signal"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"pidbox/lib/spawn"
)

// CollectOrphans has all orphans among the descendants of this process come to it, as they come to a PID 1, and collects
// them, for as long as it lives.
func CollectOrphans() *Orphans {
	o := AdoptOrphans()
	o.keepCollecting()
	return o
}

// CollectInherited collects the children that this process had before, as those of a shell that has executed it; nil if
// there are none.
func CollectInherited() *Orphans {
	if some, err := spawn.Children(); err != nil || !some {
		return nil
	}
	o := &Orphans{own: map[int]bool{}}
	o.keepCollecting()
	return o
}

func (o *Orphans) keepCollecting() {
	o.wake = make(chan struct{}, 1)
	go func() {
		children := make(chan os.Signal, 1)
		signal.Notify(children, syscall.SIGCHLD)
		for {
			o.Collect()
			select {
			case <-children:
			case <-o.wake:
			}
		}
	}()
}

// AdoptOrphans is CollectOrphans for a caller that calls Collect itself, at each SIGCHLD.
func AdoptOrphans() *Orphans {
	some, err := spawn.Children()
	spawn.AdoptOrphans()
	return &Orphans{alone: err == nil && !some, own: map[int]bool{}}
}

// collect looks before it takes. One of its own that has ended hides what comes behind it until its waiter has taken
// it, and then died calls this again.
func (o *Orphans) collect() {
	for o.pending = true; o.guarded == 0; {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		pid := siginfoPID(&info)
		if err == unix.EINTR {
			continue
		}
		if err != nil || pid == 0 {
			o.pending = false
			return
		}
		if o.own[pid] {
			return
		}
		_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
	}
}

// siginfoPID is si_pid of a SIGCHLD siginfo_t: the first of the fields behind signo, errno and code, aligned as a
// pointer is.
func siginfoPID(info *unix.Siginfo) int {
	at := (unsafe.Sizeof(info.Signo)*3 + unsafe.Sizeof(uintptr(0)) - 1) &^ (unsafe.Sizeof(uintptr(0)) - 1)
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(info), at)))
}
