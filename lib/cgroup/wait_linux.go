package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
	"pidbox/lib/proc/procfs"
)

// Wait returns nil once no process is left in the group and below, and the cause of ctx if that ends first. A zombie that its
// parent has not reaped does not count.
func (g *Group) Wait(ctx context.Context) error {
	if !g.legacy {
		return g.await(ctx, "populated", false)
	}
	for {
		pids, err := g.PIDs()
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			h, err := proc.Open(pid)
			if err == nil {
				if g.holds(pid) {
					err = h.Wait(ctx)
				}
				h.Close()
			}
			if ctx.Err() != nil {
				return fmt.Errorf("%s: %w", g.path, context.Cause(ctx))
			}
			if err != nil && !errors.Is(err, proc.ErrNotFound) {
				return err
			}
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("%s: %w", g.path, err)
		}
	}
}

// eventOf reads one from the open cgroup.events, so that poll(2) waits for the next change.
func eventOf(fd int, name string) (bool, error) {
	var text [4096]byte
	n, err := unix.Pread(fd, text[:], 0)
	return err == nil && eventIn(strings.TrimSpace(string(text[:n])), name), err
}

// await sleeps until an event of version 2 has that value. The kernel wakes whoever polls cgroup.events, after a read, when
// something in it has changed since.
func (g *Group) await(ctx context.Context, name string, value bool) error {
	fd, err := procfs.OpenFile(filepath.Join(g.path, "cgroup.events"), unix.O_RDONLY)
	if err != nil {
		return ignoreGone(err)
	}
	defer unix.Close(fd)
	is := func() (bool, error) {
		now, err := eventOf(fd, name)
		return err == nil && now == value, err
	}
	if so, err := is(); so || err != nil { // most often: without what a wait needs
		return ignoreGone(err)
	}
	wake, waker, err := os.Pipe()
	if err != nil {
		return err
	}
	defer wake.Close()
	stop := context.AfterFunc(ctx, func() { waker.Close() })
	defer func() {
		if stop() {
			waker.Close()
		}
	}()
	for {
		if so, err := is(); so || err != nil && !errors.Is(err, unix.EINTR) {
			return ignoreGone(err)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", g.path, context.Cause(ctx))
		}
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}, {Fd: int32(wake.Fd()), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
