package resolve

import (
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	mayWrite  = 2
	mayEnter  = 1
	mayChange = mayWrite | mayEnter // what is in a directory
)

// Tags of ACL entries, see acl(5).
const (
	aclUser       = 0x02
	aclOwnerGroup = 0x04
	aclGroup      = 0x08
	aclMask       = 0x10
)

type aclEntry struct {
	tag  uint16
	perm uint32
	id   int // -1: a user or a group that this user namespace does not map
}

// perm is what decides who may write to a file, or change what is in a directory.
type perm struct {
	id       identity
	uid, gid int
	mode     uint32
	links    uint64
	acl      []aclEntry // those of named users and groups, and the owning group's, with the mask applied
	opaque   bool       // there may be an ACL, but it could not be read
	users    *accounts
}

// look reads the ACL only if the group may write: the group bits of a file with an ACL are its mask.
func look(st *unix.Stat_t, users *accounts, dir int, name string, fd int) perm {
	p := perm{
		id: identify(st), uid: int(st.Uid), gid: int(st.Gid), mode: uint32(st.Mode), links: uint64(st.Nlink), users: users,
	}
	if p.mode&0o020 == 0 {
		return p
	}
	all, err := readACL(dir, name, fd)
	p.opaque = err != nil
	mask := uint32(0o7)
	for _, e := range all {
		if e.tag == aclMask {
			mask = e.perm
		}
	}
	for _, e := range all {
		if e.tag == aclUser || e.tag == aclGroup || e.tag == aclOwnerGroup {
			e.perm &= mask
			p.acl = append(p.acl, e)
		}
	}
	return p
}

// group is what the members of the owning group may do.
func (p perm) group() uint32 {
	for _, e := range p.acl {
		if e.tag == aclOwnerGroup {
			return e.perm
		}
	}
	return p.mode >> 3 & 7
}

// lets reports whether the user may do what is wanted, by the algorithm of acl(5). An owner can give himself every
// right.
func (p perm) lets(uid int, want uint32) bool {
	other := p.mode&want == want
	if uid < 0 { // Anyone, Unknown: what every user may do
		every := other && p.group()&want == want && !p.opaque
		for _, e := range p.acl {
			every = every && e.perm&want == want
		}
		return every
	}
	if uid == p.uid {
		return true
	}
	for _, e := range p.acl {
		if e.tag == aclUser && e.id == uid {
			return e.perm&want == want
		}
	}
	in := false
	for _, e := range append(p.acl, aclEntry{tag: aclGroup, perm: p.group(), id: p.gid}) {
		if e.tag != aclUser && p.users.isIn(uid, e.id) {
			in = true
			if e.perm&want == want {
				return !p.opaque
			}
		}
	}
	return !in && other
}

// owns reports whether the file is the user's.
func (p perm) owns(uid int) bool { return uid >= 0 && uid == p.uid }

// writers gives each user who may write by his group or by the ACL, or since any may, with what that makes of the file,
// to be read behind "is", and the command that ends it. The owner is not among them.
func (p perm) writers(yield func(uid int, is, undo string)) {
	if p.mode&mayWrite != 0 {
		yield(Anyone, "world-writable", "chmod o-w")
	}
	if p.mode&0o020 == 0 {
		return
	}
	if p.opaque {
		yield(Unknown, "possibly writable by any user, because its ACL cannot be read", "setfacl -b")
	}
	groups := func(gid int, undo string) {
		name, uids, unknown := p.users.members(gid)
		for _, uid := range uids {
			yield(uid, "writable by group "+name+", which includes "+p.users.name(uid), undo)
		}
		if unknown {
			yield(Unknown, "writable by group "+name+", which may include users that /etc/group does not list", undo)
		}
	}
	if p.group()&mayWrite != 0 {
		groups(p.gid, "chmod g-w")
	}
	for _, e := range p.acl {
		switch {
		case e.perm&mayWrite == 0 || e.tag == aclOwnerGroup:
		case e.id < 0:
			yield(Unknown, "writable by a user or group of another user namespace, by its ACL", "setfacl -b")
		case e.tag == aclGroup:
			groups(e.id, "setfacl -x g:"+strconv.Itoa(e.id))
		case !p.users.trusts(e.id):
			yield(e.id, "writable by "+p.users.name(e.id)+", by its ACL", "setfacl -x u:"+strconv.Itoa(e.id))
		}
	}
}
