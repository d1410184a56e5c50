package proc

import (
	"context"
	"errors"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc/procfs"
)

// procDir is a link by an open /proc/PID: the files in it are the process's, and once it has been reaped they are
// gone, whoever has the number then.
type procDir struct {
	pid  int
	file *os.File
}

func openProcDir(pid int) (link, error) {
	if !procfs.Own() {
		return nil, ErrNoProc
	}
	path := "/proc/" + strconv.Itoa(pid)
	d, err := procfs.Again(func() (*procDir, bool, error) {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, false, err
		}
		us, err := procfs.ReadUsers(fd, "status", pid)
		if err == nil && us.TGID != pid { // a thread: /proc shows it under its own id too
			err = ErrNotFound
		}
		if err != nil {
			unix.Close(fd)
			return nil, false, err
		}
		return &procDir{pid, os.NewFile(uintptr(fd), path)}, true, nil
	})
	switch {
	case err == nil:
		return d, nil
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ESRCH), errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		if held, err := bare(pid).held(); err == nil && held {
			return nil, ErrNoProc // hidepid
		}
		return nil, ErrNotFound
	case errors.Is(err, ErrNotFound):
		return nil, err
	}
	return nil, &os.PathError{Op: "open", Path: path, Err: err}
}

// facts runs read on the directory; a process that has been reaped gives ErrNotFound.
func (d *procDir) facts(read func(fd int) error) error {
	conn, err := d.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if conn.Control(func(fd uintptr) { failed = read(int(fd)) }) != nil {
		return os.ErrClosed
	}
	if errors.Is(failed, unix.ENOENT) {
		return ErrNotFound
	}
	return found(failed)
}

func (d *procDir) stat() (st procfs.Stat, err error) {
	err = d.facts(func(fd int) (err error) {
		st, err = procfs.ReadStat(fd, "stat", d.pid)
		return err
	})
	return st, err
}

func (d *procDir) held() (bool, error) {
	_, err := d.stat()
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// alive looks at the first thread, and when that has ended at all the others: it is the end only if each of them is seen
// to have ended, and that twice, for one that takes the place of the first is seen in it or, before, in its own. Where
// one is missed again and again, they follow each other.
func (d *procDir) alive() (alive bool, err error) {
	err = d.facts(func(fd int) error {
		for all, look := 0, 0; look < 100; look++ {
			st, err := procfs.ReadStat(fd, "stat", d.pid)
			if alive = err == nil && !st.Ended(); err != nil || alive || st.Threads <= 1 {
				return err
			}
			running, ended, err := procfs.Threads(fd)
			switch {
			case running != 0:
				alive = true
				return nil
			case errors.Is(err, unix.ENOENT) || err == nil && ended < st.Threads:
				all = 0
				continue
			case err != nil:
				return err
			}
			if all++; all == 2 {
				return nil
			}
		}
		alive = true
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return alive, err
}

// signal goes through the directory, which Linux 5.1 takes for a pidfd. Before, or where that too is denied, it goes to
// the number right after a check.
func (d *procDir) signal(s syscall.Signal) error {
	err := d.facts(func(fd int) error { return unix.PidfdSendSignal(fd, s, nil, 0) })
	if err == nil || errors.Is(err, ErrNotFound) {
		return err
	}
	return d.kill(s)
}

func (d *procDir) kill(s syscall.Signal) error {
	held, err := d.held()
	switch {
	case err != nil:
		return err
	case !held:
		return ErrNotFound
	}
	return found(unix.Kill(d.pid, s))
}

func (d *procDir) wait(ctx context.Context) error { return sleepWhile(ctx, d.alive) }

func (d *procDir) info() (info Info, err error) {
	err = d.facts(func(fd int) (err error) {
		info, err = readInfo(fd, "", d.pid)
		return err
	})
	return info, err
}

func (d *procDir) identity() (Identity, error) {
	st, err := d.stat()
	if err != nil {
		return Identity{}, err
	}
	id := Here()
	id.PID, id.Start, id.Session = d.pid, st.Start, st.Session
	return id, nil
}

func (d *procDir) credentials() (c Credentials, err error) {
	err = d.facts(func(fd int) (err error) {
		c, err = readCredentials(fd, "status", d.pid)
		return err
	})
	return c, err
}

func (d *procDir) kept() bool {
	held, err := d.held()
	return err == nil && held
}

func (d *procDir) signalGroup(syscall.Signal) error { return errors.ErrUnsupported }

func (d *procDir) bind(string) error { return errors.ErrUnsupported }

func (d *procDir) bound() (string, bool) { return "", false }

func (d *procDir) close() error { return d.file.Close() }
