package pidfile

import (
	"encoding/binary"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"pidbox/lib/resolve"
	"pidbox/lib/xattr"
)

// renumbers says that the file system may give a directory another number when it is looked up anew: an overlay does that
// whose layers are on several file systems.
func renumbers(p *resolve.Place) bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(p.Fd(), &fs) == nil && fs.Type == unix.OVERLAYFS_SUPER_MAGIC
}

// renameNew gives a file a name that nothing has; EEXIST if something has it. Some file systems cannot.
func renameNew(dir int, from, to string) error {
	return unix.Renameat2(dir, from, dir, to, unix.RENAME_NOREPLACE)
}

// The entries of a POSIX ACL: acl(5), and linux/posix_acl_xattr.h for how the kernel writes them.
const (
	aclName, aclVersion               = "system.posix_acl_access", 2
	aclOwner, aclUser, aclOwningGroup = 0x01, 0x02, 0x04
	aclGroup, aclMask, aclOther       = 0x08, 0x10, 0x20
	aclNobody                         = 0xffffffff
)

type aclEntry struct {
	tag, perm uint16
	id        uint32
}

// share lets all who can change the directory open the lock file that was made in it, and nobody else. Where that fails,
// they wait for it to be removed: it is only in the way of claims at the same moment. So do those who can make files in a
// sticky directory, but not change those of others.
func share(p *resolve.Place, fd int) {
	var dir unix.Stat_t
	if unix.Fstat(p.Fd(), &dir) != nil {
		return
	}
	ours := int(dir.Uid) == os.Geteuid()
	if dir.Mode&unix.S_ISVTX != 0 {
		dir.Mode &^= 0o022
	}
	mode := uint32(dir.Mode)
	if ours && mode&0o022 == 0 {
		return
	}
	given := ours || unix.Fchown(fd, int(dir.Uid), -1) == nil
	var list []aclEntry
	if mode&0o020 != 0 {
		_ = unix.Fchown(fd, -1, int(dir.Gid))
		list = directoryACL(p)
	}
	shared := uint32(0o600)
	if mode&0o002 != 0 {
		shared |= 0o006
	}
	if list == nil && given {
		_ = unix.Fchmod(fd, shared|mode&0o020<<1|mode&0o020)
		return
	}
	_ = unix.Fchmod(fd, shared)
	_ = unix.Fsetxattr(fd, aclName, formatACL(sharedACL(list, &dir, given)), 0)
}

// sharedACL is the directory's ACL for the lock file: who can write the one may read and write the other.
func sharedACL(list []aclEntry, dir *unix.Stat_t, given bool) []aclEntry {
	const both = 6
	rights := func(writes bool) uint16 {
		if writes {
			return both
		}
		return 0
	}
	users, groups := []aclEntry{}, []aclEntry{}
	if !given {
		users = append(users, aclEntry{aclUser, both, dir.Uid})
	}
	group := list == nil && dir.Mode&0o020 != 0
	for _, e := range list {
		writes := e.perm&2 != 0
		switch {
		case e.tag == aclOwningGroup:
			group = writes
		case e.tag == aclUser && writes && (given || e.id != dir.Uid):
			users = append(users, aclEntry{aclUser, both, e.id})
		case e.tag == aclGroup && writes:
			groups = append(groups, aclEntry{aclGroup, both, e.id})
		}
	}
	shared := append([]aclEntry{{aclOwner, both, aclNobody}}, users...)
	shared = append(shared, aclEntry{aclOwningGroup, rights(group), aclNobody})
	shared = append(shared, groups...)
	return append(shared, aclEntry{aclMask, both, aclNobody}, aclEntry{aclOther, rights(dir.Mode&0o002 != 0), aclNobody})
}

// directoryACL is the ACL of the directory at p, nil if it has none.
func directoryACL(p *resolve.Place) []aclEntry {
	text, err := xattr.ReadAt("/proc/self/fd/"+strconv.Itoa(p.Fd()), aclName, 4096)
	b := []byte(text)
	if err != nil || len(b) < 4 || binary.LittleEndian.Uint32(b) != aclVersion {
		return nil
	}
	var list []aclEntry
	for b = b[4:]; len(b) >= 8; b = b[8:] {
		list = append(list, aclEntry{binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint32(b[4:])})
	}
	return list
}

func formatACL(list []aclEntry) []byte {
	b := binary.LittleEndian.AppendUint32(nil, aclVersion)
	for _, e := range list {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return b
}
