package disk

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// The kernel's protocol, from linux/fuse.h: a request is a header and what the operation takes, an answer a header and what it
// gives, all in the machine's order of bytes.
//
// It is spoken here without a library: those there are open descriptors when they are linked in, in each applet of the
// binary, and panic where there is none left.
const (
	opLookup, opForget, opGetattr, opSetattr, opReadlink, opSymlink = 1, 2, 3, 4, 5, 6
	opMknod, opMkdir, opUnlink, opRmdir, opRename, opLink           = 8, 9, 10, 11, 12, 13
	opOpen, opReadFile, opWriteFile, opStatfs, opRelease, opFsync   = 14, 15, 16, 17, 18, 20
	opSetxattr, opGetxattr, opListxattr, opRemovexattr, opFlush     = 21, 22, 23, 24, 25
	opInit, opOpendir, opReaddir, opReleasedir, opFsyncdir          = 26, 27, 28, 29, 30
	opCreate, opInterrupt, opDestroy, opBatchForget                 = 35, 36, 38, 42
	opFallocate, opRename2, opLseek                                 = 43, 45, 46

	headerIn, headerOut = 40, 16
	maxWrite            = 128 << 10

	// of INIT
	asyncRead, bigWrites, autoInvalidate, parallelDirs, maxPages = 1, 1 << 5, 1 << 12, 1 << 18, 1 << 22

	// of SETATTR
	setMode, setUID, setGID, setSize, setAtime, setMtime, setFh, setAtimeNow, setMtimeNow = 1, 2, 4, 8, 16, 32, 64, 128, 256
)

// request is one of the kernel's.
type request struct {
	op       uint32
	unique   uint64
	node     uint64
	uid, gid uint32
	body     []byte
}

func parseRequest(b []byte) (r request, ok bool) {
	if len(b) < headerIn {
		return r, false
	}
	return request{op: binary.NativeEndian.Uint32(b[4:]), unique: binary.NativeEndian.Uint64(b[8:]), node: binary.NativeEndian.Uint64(b[16:]),
		uid: binary.NativeEndian.Uint32(b[24:]), gid: binary.NativeEndian.Uint32(b[28:]), body: b[headerIn:]}, true
}

// u32 and u64 are the fields of a body at that place; 0 of one that is too short.
func (r request) u32(at int) uint32 {
	if len(r.body) < at+4 {
		return 0
	}
	return binary.NativeEndian.Uint32(r.body[at:])
}

func (r request) u64(at int) uint64 {
	if len(r.body) < at+8 {
		return 0
	}
	return binary.NativeEndian.Uint64(r.body[at:])
}

// name is the text at that place, which ends with a zero byte, and where the next one begins.
func (r request) name(at int) (string, int) {
	if at > len(r.body) {
		return "", len(r.body)
	}
	n := bytes.IndexByte(r.body[at:], 0)
	if n < 0 {
		n = len(r.body) - at
	}
	return string(r.body[at : at+n]), min(at+n+1, len(r.body))
}

// reply is an answer as it grows.
type reply struct{ b []byte }

func (p *reply) u16(v uint16) { p.b = binary.NativeEndian.AppendUint16(p.b, v) }
func (p *reply) u32(all ...uint32) {
	for _, v := range all {
		p.b = binary.NativeEndian.AppendUint32(p.b, v)
	}
}
func (p *reply) u64(all ...uint64) {
	for _, v := range all {
		p.b = binary.NativeEndian.AppendUint64(p.b, v)
	}
}

// attr is struct fuse_attr.
func (p *reply) attr(st *unix.Stat_t) {
	p.u64(st.Ino, uint64(st.Size), uint64(st.Blocks), uint64(st.Atim.Sec), uint64(st.Mtim.Sec), uint64(st.Ctim.Sec))
	p.u32(uint32(st.Atim.Nsec), uint32(st.Mtim.Nsec), uint32(st.Ctim.Nsec))
	p.u32(st.Mode, uint32(st.Nlink), st.Uid, st.Gid, uint32(st.Rdev), uint32(st.Blksize), 0)
}

// entry is struct fuse_entry_out: nothing of it may be kept, for a power failure changes files behind the kernel's back.
func (p *reply) entry(node uint64, st *unix.Stat_t) {
	p.u64(node, 0, 0, 0)
	p.u32(0, 0)
	p.attr(st)
}

func (p *reply) dirent(ino, next uint64, kind uint32, name string) {
	p.u64(ino, next)
	p.u32(uint32(len(name)), kind)
	p.b = append(p.b, name...)
	for len(p.b)%8 != 0 {
		p.b = append(p.b, 0)
	}
}
