package disk

import (
	"context"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// with is a request about a node.
type with struct {
	context.Context
	request
	*system
	n     *node
	rel   string
	named bool
}

func (w *with) path() string { return w.tree.path(w.rel) }

// attr is what is known of the node now.
func (w *with) stat(fh *handle) (st unix.Stat_t, err error) {
	if fh == nil && !w.named {
		fh = w.tree.openOf(w.n)
	}
	if fh != nil && fh.file != nil {
		err = unix.Fstat(int(fh.file.Fd()), &st)
	} else {
		err = unix.Lstat(w.path(), &st)
	}
	return st, err
}

func (w *with) getattr() (reply, error) {
	var fh *handle
	if w.u32(0)&1 != 0 {
		fh = w.tree.handle(w.u64(8))
	}
	return w.attrs(fh)
}

func (w *with) attrs(fh *handle) (p reply, err error) {
	st, err := w.stat(fh)
	if err == nil {
		p.u64(0)
		p.u32(0, 0)
		p.attr(&st)
	}
	return p, err
}

func (w *with) setattr() (reply, error) {
	valid := w.u32(0)
	var fh *handle
	if valid&setFh != 0 {
		fh = w.tree.handle(w.u64(8))
	}
	if fh == nil && !w.named {
		fh = w.tree.openOf(w.n)
	}
	path := w.path()
	if fh != nil && fh.file != nil {
		path = "" // by the descriptor
	}
	fd := unix.AT_FDCWD
	flags := unix.AT_SYMLINK_NOFOLLOW
	if path == "" {
		fd, flags = int(fh.file.Fd()), unix.AT_EMPTY_PATH
	}
	var err error
	if valid&setMode != 0 {
		if path == "" {
			err = unix.Fchmod(fd, w.u32(68)&0o7777)
		} else {
			err = unix.Chmod(path, w.u32(68)&0o7777)
		}
	}
	if err == nil && valid&(setUID|setGID) != 0 {
		uid, gid := -1, -1
		if valid&setUID != 0 {
			uid = int(w.u32(76))
		}
		if valid&setGID != 0 {
			gid = int(w.u32(80))
		}
		err = unix.Fchownat(fd, path, uid, gid, flags)
	}
	if err == nil && valid&setSize != 0 {
		err = w.truncate(fh, int64(w.u64(16)))
	}
	if err == nil && valid&(setAtime|setMtime) != 0 {
		times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Nsec: unix.UTIME_OMIT}}
		for i, one := range []struct{ set, now uint32 }{{setAtime, setAtimeNow}, {setMtime, setMtimeNow}} {
			switch {
			case valid&one.now != 0:
				times[i] = unix.Timespec{Nsec: unix.UTIME_NOW}
			case valid&one.set != 0:
				times[i] = unix.NsecToTimespec(int64(w.u64(32+8*i))*1e9 + int64(w.u32(56+4*i)))
			}
		}
		err = unix.UtimesNanoAt(fd, path, times, flags)
	}
	if err != nil {
		return reply{}, err
	}
	return w.attrs(fh)
}

func (w *with) truncate(fh *handle, size int64) error {
	if errno := w.meet(w, opWrite, w.rel, false); errno != 0 {
		return errno
	}
	var f *os.File
	if fh != nil && fh.file != nil {
		f = fh.file
	} else {
		var err error
		if f, err = openFile(w.path(), syscall.O_RDWR, 0); err != nil {
			return err
		}
		defer f.Close()
	}
	if err := w.cut(f, w.rel, size); err != nil {
		return err
	}
	return f.Truncate(size)
}

// openFile opens what may be written for reading as well: what it was must be kept. Appending is the kernel's to do, and
// what is direct for the program is not for us.
func openFile(path string, flags, mode uint32) (*os.File, error) {
	flags &^= syscall.O_APPEND | syscall.O_DIRECT | fmodeExec
	if flags&syscall.O_ACCMODE == syscall.O_WRONLY {
		flags = flags&^syscall.O_ACCMODE | syscall.O_RDWR
	}
	fd, err := syscall.Open(path, int(flags)|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, mode)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// fmodeExec is __FMODE_EXEC, by which the kernel says what it opens a file for.
const fmodeExec = 0x20

func lasting(flags uint32) bool { return flags&(syscall.O_SYNC|syscall.O_DSYNC) != 0 }

func (w *with) open() (p reply, err error) {
	flags := w.u32(0)
	if flags&syscall.O_TRUNC != 0 {
		if err := w.truncate(nil, 0); err != nil {
			return p, err
		}
		flags &^= syscall.O_TRUNC
	}
	f, err := openFile(w.path(), flags, 0)
	if err != nil {
		return p, err
	}
	p.u64(w.tree.opened(w.n, &handle{file: f, synced: lasting(flags)}))
	p.u32(0, 0)
	return p, nil
}

func (w *with) file() (*handle, error) {
	if h := w.tree.handle(w.u64(0)); h != nil && h.file != nil {
		return h, nil
	}
	return nil, syscall.EBADF
}

func (w *with) read() (p reply, err error) {
	h, err := w.file()
	if err == nil {
		err = failed(w.meet(w, opRead, w.rel, false))
	}
	if err != nil {
		return p, err
	}
	p.b = make([]byte, min(w.u32(16), 1<<20))
	n, err := unix.Pread(int(h.file.Fd()), p.b, int64(w.u64(8)))
	p.b = p.b[:max(n, 0)]
	return p, err
}

func (w *with) write() (p reply, err error) {
	const fixed = 40
	h, err := w.file()
	if err == nil {
		err = failed(w.meet(w, opWrite, w.rel, true))
	}
	if err != nil {
		return p, err
	}
	if len(w.body) < fixed+int(w.u32(16)) {
		return p, syscall.EINVAL
	}
	data, off := w.body[fixed:fixed+int(w.u32(16))], int64(w.u64(8))
	if err := w.before(h.file, w.rel, off, int64(len(data)), data); err != nil {
		return p, err
	}
	n, err := unix.Pwrite(int(h.file.Fd()), data, off)
	if err == nil && h.synced {
		if err = unix.Fdatasync(int(h.file.Fd())); err == nil {
			err = w.journal.sync(h.file)
		}
	}
	p.u32(uint32(max(n, 0)), 0)
	return p, err
}

func (w *with) fallocate() (p reply, err error) {
	h, err := w.file()
	if err == nil {
		err = failed(w.meet(w, opWrite, w.rel, true))
	}
	off, size := int64(w.u64(8)), int64(w.u64(16))
	if err == nil {
		err = w.before(h.file, w.rel, off, size, nil)
	}
	if err != nil {
		return p, err
	}
	return p, unix.Fallocate(int(h.file.Fd()), w.u32(24), off, size)
}

func (w *with) fsync() (p reply, err error) {
	h, err := w.file()
	if err == nil {
		err = failed(w.meet(w, opSync, w.rel, false))
	}
	if err != nil {
		return p, err
	}
	if err = unix.Fsync(int(h.file.Fd())); err != nil {
		return p, err
	}
	return p, w.journal.sync(h.file)
}

func (w *with) lseek() (p reply, err error) {
	h, err := w.file()
	if err != nil {
		return p, err
	}
	at, err := unix.Seek(int(h.file.Fd()), int64(w.u64(8)), int(w.u32(16)))
	p.u64(uint64(at))
	return p, err
}

func failed(errno syscall.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}
