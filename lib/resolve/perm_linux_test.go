package resolve

import (
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// known are the accounts of the tests, without any file of the system.
func known(nis string) *accounts {
	return &accounts{files: map[string][]string{
		"/etc/passwd":        {"web1:x:2001:2001::/:/bin/sh", "mallory:x:2002:2002::/:/bin/sh"},
		"/etc/group":         {"web1:x:2001:", "web:x:2004:web1,mallory", nis},
		"/etc/nsswitch.conf": nil,
	}}
}

// What every user may do is what each class of users may, and each entry of the ACL.
func TestEveryUser(t *testing.T) {
	for name, c := range map[string]struct {
		p   perm
		may bool
	}{
		"all":            {perm{mode: 0o777}, true},
		"not the group":  {perm{mode: 0o707}, false},
		"not the others": {perm{mode: 0o770}, false},
		"not a user":     {perm{mode: 0o777, acl: []aclEntry{{tag: aclUser, perm: 5, id: web1}}}, false},
		"a user too":     {perm{mode: 0o777, acl: []aclEntry{{tag: aclUser, perm: 7, id: web1}}}, true},
		"who knows":      {perm{mode: 0o777, opaque: true}, false},
	} {
		c.p.users = known("")
		for _, uid := range []int{Anyone, Unknown} {
			if may := c.p.lets(uid, mayChange); may != c.may {
				t.Errorf("%s: %v", name, may)
			}
		}
	}
}

// An ACL that cannot be read may deny what the mode allows a group, and allow anyone what it does not.
func TestOpaqueACL(t *testing.T) {
	p := perm{gid: 2004, mode: 0o775, opaque: true, users: known("")}
	if p.lets(web1, mayChange) {
		t.Error("a member may")
	}
	if who := writersOf(p); !slices.Contains(who, Unknown) {
		t.Errorf("writers: %v", who)
	}
	st := unix.Stat_t{Mode: unix.S_IFDIR | 0o775}
	d, err := os.Open(t.TempDir())
	try(t, err)
	defer d.Close()
	if p := look(&st, known(""), int(d.Fd()), "missing", -1); !p.opaque {
		t.Error("an ACL was read that is not there")
	}
}

func TestUnknownACL(t *testing.T) {
	for _, form := range []string{"", "\x02\x00\x00", "\x03\x00\x00\x00", "\x02\x00\x00\x00entry"} {
		if acl, err := parseACL([]byte(form)); err == nil {
			t.Errorf("%q: %v", form, acl)
		}
	}
}

// An entry without a number here is somebody all the same.
func TestUnmappedEntry(t *testing.T) {
	p := perm{mode: 0o775, acl: []aclEntry{{tag: aclUser, perm: 7, id: -1}, {tag: aclOwnerGroup, perm: 5}}, users: known("")}
	if who := writersOf(p); !slices.Equal(who, []int{Unknown}) {
		t.Errorf("writers: %v", who)
	}
}

func writersOf(p perm) (who []int) {
	p.writers(func(uid int, _, _ string) { who = append(who, uid) })
	return who
}

// By a magic link nobody can exchange a file, nor does it matter who can enter what is above.
func TestMayByMagicLink(t *testing.T) {
	web := Word{{UID: web1}}
	of := func(mode uint32) Entry {
		file := perm{mode: mode, links: 1, users: known("")}
		return Entry{dir: perm{uid: web1, mode: 0o755, users: known("")}, file: &file, magic: true}
	}
	if web.May(Unlink, of(0o644)) == nil || web.May(Append, of(0o644)) == nil {
		t.Error("allowed by the directory")
	}
	if err := web.May(Append, of(0o666)); err != nil {
		t.Error(err)
	}
}

// Members that come from NIS are in no file.
func TestNIS(t *testing.T) {
	if _, _, unknown := known("").members(2004); unknown {
		t.Error("all of them are in the file")
	}
	for file, line := range map[string]string{"/etc/group": "+:::", "/etc/passwd": "+::::::"} {
		a := known("")
		a.files[file] = append(a.files[file], line)
		if _, _, unknown := a.members(2004); !unknown {
			t.Errorf("%s of %s was passed over", line, file)
		}
	}
}

// As the number of the unmapped others may appear too, in this user namespace.
func TestUnmappedMembers(t *testing.T) {
	if strconv.IntSize == 32 {
		t.Skip("numbers are too small for one that no user namespace maps")
	}
	var most uint32 = math.MaxUint32
	none := int(most)
	a := known("")
	a.user = overflow{kind: "uid", number: none}
	a.files["/etc/passwd"] = append(a.files["/etc/passwd"], "nobody:x:"+strconv.Itoa(none)+":2004::/:/bin/sh")
	if _, uids, unknown := a.members(2004); !unknown || slices.Contains(uids, none) {
		t.Errorf("%v, unknown %v", uids, unknown)
	}
	a = known("nobody:x:" + strconv.Itoa(none) + ":web1")
	a.group = overflow{kind: "gid", number: none}
	if _, _, unknown := a.members(none); !unknown {
		t.Error("all members of an unmapped group are known")
	}
	if a.isIn(web1, none) || !a.isIn(web1, 2004) {
		t.Error("he is in whichever group that is")
	}
}
