package proc

import (
	"context"
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc/procfs"
)

// bare is only a number, and believes that it is still the process's.
type bare int

func openBare(pid int) (link, error) {
	b := bare(pid)
	held, err := b.held()
	if err == nil && !held {
		err = ErrNotFound
	}
	return b, err
}

// alive takes a zombie for alive, unless it is a child of this process.
func (b bare) alive() (bool, error) {
	held, err := b.held()
	return held && !childEnded(int(b)), err
}

func (b bare) held() (bool, error) {
	err := b.signal(0)
	switch {
	case err == nil, errors.Is(err, unix.EPERM):
		return true, nil
	case errors.Is(err, ErrNotFound):
		return false, nil
	}
	return false, err
}

func (b bare) signal(s syscall.Signal) error {
	if err := check(int(b)); err != nil || s == 0 {
		return found(err)
	}
	return found(unix.Kill(int(b), s))
}

func (b bare) kept() bool {
	held, err := b.held()
	return err == nil && held
}

// signalGroup trusts the number like all else here does. That of init's group would stand for every process: kill(2).
func (b bare) signalGroup(s syscall.Signal) error {
	if b == 1 {
		return errors.ErrUnsupported
	}
	return found(unix.Kill(-int(b), s))
}

func (b bare) wait(ctx context.Context) error { return sleepWhile(ctx, b.alive) }

func (b bare) stat() (procfs.Stat, error) {
	st := procfs.Stat{PID: int(b)}
	var err error
	if st.Group, err = unix.Getpgid(int(b)); err != nil {
		return procfs.Stat{}, found(err)
	}
	if st.Session, err = unix.Getsid(int(b)); err != nil {
		return procfs.Stat{}, found(err)
	}
	return st, nil
}

func (b bare) identity() (Identity, error) {
	id := Here()
	id.PID = int(b)
	st, err := b.stat()
	id.Session = st.Session
	return id, err
}

func (b bare) info() (Info, error) {
	st, err := b.stat()
	return Info{PID: st.PID, UID: -1, EUID: -1, SUID: -1, Group: st.Group, Session: st.Session}, err
}

func (b bare) credentials() (Credentials, error) { return nobody(), ErrNoProc }

func (b bare) bind(string) error { return errors.ErrUnsupported }

func (b bare) bound() (string, bool) { return "", false }

func (b bare) close() error { return nil }

// found makes ErrNotFound of the kernel's words for it.
func found(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return ErrNotFound
	}
	return err
}

// sleepWhile waits by short sleeps, for a link that the kernel does not wake: 1 ms, later up to 20.
func sleepWhile(ctx context.Context, alive func() (bool, error)) error {
	pause := time.Millisecond
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		if is, err := alive(); err != nil || !is {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
		}
		pause = min(pause+pause/4, 20*time.Millisecond)
		timer.Reset(pause)
	}
}

// sleepUntilOne returns once one of several processes is no longer alive.
func sleepUntilOne(ctx context.Context, handles []*Handle) error {
	return sleepWhile(ctx, func() (bool, error) {
		for _, h := range handles {
			if alive, err := h.link.alive(); err != nil || !alive {
				return false, err
			}
		}
		return true, nil
	})
}
