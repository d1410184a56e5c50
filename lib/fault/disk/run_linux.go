package disk

import (
	"context"
	"encoding/binary"
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// run answers the kernel until the file system is unmounted. Each request has a goroutine of its own: one may wait.
func (s *system) run() {
	buffer := make([]byte, maxWrite+(64<<10))
	for {
		n, err := unix.Read(s.device, buffer)
		switch {
		case errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOENT): // a request that was called off
			continue
		case err != nil: // ENODEV: unmounted
			return
		}
		r, ok := parseRequest(append([]byte(nil), buffer[:n]...))
		switch {
		case !ok || r.op == opDestroy:
		case r.op == opForget:
			s.tree.forget(r.node, r.u64(0))
		case r.op == opBatchForget:
			for i := range int(r.u32(0)) {
				s.tree.forget(r.u64(8+16*i), r.u64(16+16*i))
			}
		case r.op == opInterrupt:
			s.mu.Lock()
			if cancel := s.waiting[r.u64(0)]; cancel != nil {
				cancel()
			}
			s.mu.Unlock()
		case r.op == opInit:
			s.init(r)
		default:
			ctx, cancel := context.WithCancel(context.Background())
			s.mu.Lock()
			s.waiting[r.unique] = cancel
			s.mu.Unlock()
			go s.answer(ctx, r)
		}
	}
}

func (s *system) init(r request) {
	const major, minor, oldest = 7, 31, 23
	if r.u32(0) != major || r.u32(4) < oldest {
		s.send(r.unique, reply{}, unix.EPROTO)
		return
	}
	var p reply
	p.u32(major, min(r.u32(4), minor), r.u32(8), r.u32(12)&(asyncRead|bigWrites|autoInvalidate|parallelDirs|maxPages))
	p.u16(0)
	p.u16(0)
	p.u32(maxWrite, 1)
	p.u16(maxWrite / page)
	p.u16(0)
	p.u32(0, 0, 0, 0, 0, 0, 0, 0)
	s.send(r.unique, p, nil)
}

func (s *system) answer(ctx context.Context, r request) {
	p, err := s.do(&with{Context: ctx, request: r, system: s})
	s.mu.Lock()
	s.waiting[r.unique]()
	delete(s.waiting, r.unique)
	s.mu.Unlock()
	s.send(r.unique, p, err)
}

// do does what the kernel asks for.
func (s *system) do(w *with) (p reply, err error) {
	if w.n, w.rel, w.named = s.tree.node(w.node); w.n == nil {
		return p, syscall.ENOENT
	}
	switch w.op {
	case opGetattr:
		return w.getattr()
	case opSetattr:
		return w.setattr()
	case opReadFile:
		return w.read()
	case opWriteFile:
		return w.write()
	case opFsync:
		return w.fsync()
	case opFallocate:
		return w.fallocate()
	case opLseek:
		return w.lseek()
	case opFlush:
		return p, nil
	case opRelease, opReleasedir:
		s.tree.release(w.u64(0))
		return p, nil
	case opReaddir:
		return w.readdir()
	case opStatfs:
		return w.statfs()
	}
	if !w.named { // all others are about a name
		return p, syscall.ENOENT
	}
	switch w.op {
	case opLookup:
		name, _ := w.name(0)
		return w.entry(name)
	case opOpen:
		return w.open()
	case opCreate:
		return w.create()
	case opMknod:
		return w.mknod()
	case opMkdir:
		return w.mkdir()
	case opSymlink:
		return w.symlink()
	case opLink:
		return w.link()
	case opUnlink:
		return w.unlink()
	case opRmdir:
		return w.rmdir()
	case opRename:
		return w.rename(0, 8)
	case opRename2:
		return w.rename(w.u32(8), 16)
	case opReadlink:
		return w.readlink()
	case opOpendir:
		return w.opendir()
	case opFsyncdir:
		return w.fsyncdir()
	case opSetxattr, opGetxattr, opListxattr, opRemovexattr:
		return w.xattr()
	}
	return p, syscall.ENOSYS
}

// send answers the kernel. An error goes without anything else.
func (s *system) send(unique uint64, p reply, err error) {
	code := int32(0)
	if err != nil {
		errno := syscall.EIO
		errors.As(err, &errno)
		code, p.b = -int32(errno), nil
	}
	out := make([]byte, headerOut, headerOut+len(p.b))
	binary.NativeEndian.PutUint32(out, uint32(headerOut+len(p.b)))
	binary.NativeEndian.PutUint32(out[4:], uint32(code))
	binary.NativeEndian.PutUint64(out[8:], unique)
	_, _ = unix.Write(s.device, append(out, p.b...)) // who asked may be gone
}
