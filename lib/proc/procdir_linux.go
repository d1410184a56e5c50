package proc

import (
	"context"
	"errors"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// procDir is a link by an open /proc/PID: the files in it are the process's, and once it has been reaped they are
// gone, whoever has the number then.
type procDir struct {
	pid  int
	file *os.File
}

func openProcDir(pid int) (link, error) {
	if !ownProc() {
		return nil, errNoProc
	}
	path := "/proc/" + strconv.Itoa(pid)
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		if held, err := bare(pid).held(); err == nil && held {
			return nil, errNoProc // hidepid
		}
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	d := &procDir{pid, os.NewFile(uintptr(fd), path)}
	var us users
	err = d.facts(func(fd int) (err error) {
		us, err = readUsers(fd, "status")
		return err
	})
	switch {
	case err != nil:
		d.close()
		return nil, err
	case us.tgid != pid:
		d.close()
		return nil, ErrNotFound // a thread: /proc shows it under its own id too
	}
	return d, nil
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

func (d *procDir) stat() (st stat, err error) {
	err = d.facts(func(fd int) (err error) {
		st, err = readStat(fd, "stat")
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

// alive looks at the first thread, and when that has ended at all the others. A thread may be missed while others leave
// the list, so that a look counts only if their number stayed the same.
func (d *procDir) alive() (alive bool, err error) {
	err = d.facts(func(fd int) error {
		for before := -1; ; {
			st, err := readStat(fd, "stat")
			if alive = err == nil && !st.ended(); err != nil || alive || st.threads <= 1 || st.threads == before {
				return err
			}
			if before = st.threads; anyThread(fd) {
				alive = true
				return nil
			}
		}
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
		info, err = readInfo(fd, "")
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
	id.PID, id.Start, id.Session = d.pid, st.start, st.session
	return id, nil
}

func (d *procDir) close() error { return d.file.Close() }
