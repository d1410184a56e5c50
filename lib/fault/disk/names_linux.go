package disk

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// make makes something with a name by do, which is given its path, and undone by its removal.
func (w *with) make(name string, do func(path string) error) (p reply, err error) {
	rel := filepath.Join(w.rel, name)
	if err := failed(w.meet(w, opWrite, rel, true)); err != nil {
		return p, err
	}
	path := w.tree.path(rel)
	if err := do(path); err != nil {
		return p, err
	}
	w.noted(rel, func() error { return os.Remove(path) })
	return w.entry(name)
}

// own gives what was made to who asked for it.
func (w *with) own(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return unix.Lchown(path, int(w.uid), int(w.gid))
}

// noted notes how a change of names is taken back.
func (w *with) noted(rel string, undo func() error) {
	if !w.spares(rel) {
		w.journal.name(undo)
	}
}

// entry looks a name up.
func (w *with) entry(name string) (p reply, err error) {
	if name == trashName && w.n.id == top {
		return p, syscall.ENOENT
	}
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(w.path(), name), &st); err != nil {
		return p, err
	}
	p.entry(w.tree.look(w.n, name, &st).id, &st)
	return p, nil
}

func (w *with) mkdir() (reply, error) {
	name, _ := w.name(8)
	return w.make(name, func(path string) error {
		return errors.Join(unix.Mkdir(path, w.u32(0)&0o7777), w.own(path))
	})
}

func (w *with) mknod() (reply, error) {
	name, _ := w.name(16)
	return w.make(name, func(path string) error {
		return errors.Join(unix.Mknod(path, w.u32(0), int(w.u32(4))), w.own(path))
	})
}

func (w *with) symlink() (reply, error) {
	name, next := w.name(0)
	target, _ := w.name(next)
	return w.make(name, func(path string) error { return errors.Join(unix.Symlink(target, path), w.own(path)) })
}

func (w *with) link() (p reply, err error) {
	_, rel, named := w.tree.node(w.u64(0))
	if !named {
		return p, syscall.ENOENT
	}
	name, _ := w.name(8)
	return w.make(name, func(path string) error { return unix.Link(w.tree.path(rel), path) })
}

func (w *with) create() (p reply, err error) {
	flags := w.u32(0)
	name, _ := w.name(16)
	var f *os.File
	p, err = w.make(name, func(path string) (err error) {
		if f, err = openFile(path, flags|syscall.O_CREAT|syscall.O_EXCL, w.u32(4)&0o7777); err == nil {
			err = w.own(path)
		}
		return err
	})
	if errors.Is(err, syscall.EEXIST) && flags&syscall.O_EXCL == 0 { // the kernel did not know of it
		p, f, err = w.openThere(name, flags)
	}
	if err != nil {
		if f != nil {
			f.Close()
		}
		return p, err
	}
	w.tree.mu.Lock()
	n := w.n.children[name]
	w.tree.mu.Unlock()
	if n == nil {
		f.Close()
		return p, syscall.ENOENT
	}
	p.u64(w.tree.opened(n, &handle{file: f, synced: lasting(flags)}))
	p.u32(0, 0)
	return p, nil
}

// openThere opens a file that was there when it was to be made.
func (w *with) openThere(name string, flags uint32) (p reply, f *os.File, err error) {
	rel := filepath.Join(w.rel, name)
	if f, err = openFile(w.tree.path(rel), flags&^(syscall.O_CREAT|syscall.O_TRUNC), 0); err != nil {
		return p, nil, err
	}
	if flags&syscall.O_TRUNC != 0 {
		if err = w.cut(f, rel, 0); err == nil {
			err = f.Truncate(0)
		}
	}
	if err == nil {
		p, err = w.entry(name)
	}
	return p, f, err
}

func (w *with) unlink() (p reply, err error) {
	name, _ := w.name(0)
	rel := filepath.Join(w.rel, name)
	if err := failed(w.meet(w, opWrite, rel, false)); err != nil {
		return p, err
	}
	path := w.tree.path(rel)
	undo, kept := w.journal.trash.hold(path)
	if err := unix.Unlink(path); err != nil {
		return p, err
	}
	if kept == nil {
		w.noted(rel, undo)
	}
	w.tree.lose(w.n, name)
	return p, nil
}

func (w *with) rmdir() (p reply, err error) {
	name, _ := w.name(0)
	rel := filepath.Join(w.rel, name)
	if err := failed(w.meet(w, opWrite, rel, false)); err != nil {
		return p, err
	}
	path := w.tree.path(rel)
	var st unix.Stat_t
	_ = unix.Lstat(path, &st)
	if err := unix.Rmdir(path); err != nil {
		return p, err
	}
	w.noted(rel, func() error { return remakeDir(path, st) })
	w.tree.lose(w.n, name)
	return p, nil
}

func remakeDir(path string, st unix.Stat_t) error {
	err := unix.Mkdir(path, st.Mode&0o7777)
	if err == nil && os.Geteuid() == 0 {
		err = unix.Lchown(path, int(st.Uid), int(st.Gid))
	}
	return err
}

func (w *with) rename(flags uint32, at int) (p reply, err error) {
	old, next := w.name(at)
	name, _ := w.name(next)
	to, toRel, named := w.tree.node(w.u64(0))
	if !named {
		return p, syscall.ENOENT
	}
	fromRel, destRel := filepath.Join(w.rel, old), filepath.Join(toRel, name)
	if err := failed(w.meet(w, opWrite, fromRel, false)); err != nil {
		return p, err
	}
	from, dest := w.tree.path(fromRel), w.tree.path(destRel)
	back := func() error { return os.Rename(dest, from) }
	var st unix.Stat_t
	switch err := unix.Lstat(dest, &st); {
	case flags&unix.RENAME_EXCHANGE != 0:
		back = func() error { return unix.Renameat2(unix.AT_FDCWD, dest, unix.AT_FDCWD, from, unix.RENAME_EXCHANGE) }
	case err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR:
		back = func() error { return errors.Join(os.Rename(dest, from), remakeDir(dest, st)) }
	case err == nil:
		if replaced, err := w.journal.trash.hold(dest); err == nil {
			back = func() error { return errors.Join(os.Rename(dest, from), replaced()) }
		}
	}
	if err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, dest, uint(flags)); err != nil {
		return p, err
	}
	w.noted(destRel, back)
	w.tree.move(w.n, old, to, name, flags&unix.RENAME_EXCHANGE != 0)
	return p, nil
}

func (w *with) readlink() (p reply, err error) {
	text, err := os.Readlink(w.path())
	p.b = []byte(text)
	return p, err
}

func (w *with) opendir() (p reply, err error) {
	entries, err := os.ReadDir(w.path())
	if err != nil {
		return p, err
	}
	list := []dirent{{".", w.n.key.ino, unix.DT_DIR}, {"..", w.n.key.ino, unix.DT_DIR}}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || e.Name() == trashName && w.n.id == top {
			continue
		}
		one := dirent{name: e.Name()}
		if st, is := info.Sys().(*syscall.Stat_t); is {
			one.ino, one.kind = st.Ino, uint32(st.Mode&unix.S_IFMT)>>12
		}
		list = append(list, one)
	}
	p.u64(w.tree.opened(w.n, &handle{list: list}))
	p.u32(0, 0)
	return p, nil
}

func (w *with) readdir() (p reply, err error) {
	h := w.tree.handle(w.u64(0))
	if h == nil {
		return p, syscall.EBADF
	}
	for i := w.u64(8); i < uint64(len(h.list)); i++ {
		one := h.list[i]
		if len(p.b)+24+len(one.name)+8 > int(w.u32(16)) {
			break
		}
		p.dirent(one.ino, i+1, one.kind, one.name)
	}
	return p, nil
}

// fsyncdir has all names last.
func (w *with) fsyncdir() (p reply, err error) {
	if err := failed(w.meet(w, opSync, w.rel, false)); err != nil {
		return p, err
	}
	dir, err := os.Open(w.path())
	if err != nil {
		return p, err
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return p, err
	}
	w.journal.syncNames()
	return p, nil
}

func (w *with) statfs() (p reply, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(w.tree.under, &s); err != nil {
		return p, err
	}
	p.u64(s.Blocks, s.Bfree, s.Bavail, s.Files, s.Ffree)
	p.u32(uint32(s.Bsize), uint32(s.Namelen), uint32(s.Frsize), 0, 0, 0, 0, 0, 0, 0)
	return p, nil
}

func (w *with) xattr() (p reply, err error) {
	path := w.path()
	switch w.op {
	case opSetxattr:
		name, next := w.name(8)
		if len(w.body) < next+int(w.u32(0)) {
			return p, syscall.EINVAL
		}
		return p, unix.Lsetxattr(path, name, w.body[next:next+int(w.u32(0))], int(w.u32(4)))
	case opRemovexattr:
		name, _ := w.name(0)
		return p, unix.Lremovexattr(path, name)
	}
	value := make([]byte, min(w.u32(0), 64<<10))
	var n int
	if w.op == opGetxattr {
		name, _ := w.name(8)
		n, err = unix.Lgetxattr(path, name, value)
	} else {
		n, err = unix.Llistxattr(path, value)
	}
	if err != nil {
		return p, err
	}
	if len(value) == 0 {
		p.u32(uint32(n), 0)
	} else {
		p.b = value[:n]
	}
	return p, nil
}
