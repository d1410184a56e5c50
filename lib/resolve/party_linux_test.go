package resolve

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Who could have written the pidfile of a directory, and the file itself. The process is web1's.
func TestWord(t *testing.T) {
	d := privileged(t)
	in := func(uid, gid int, mode uint32) func(*testing.T, string) {
		return func(t *testing.T, d string) { try(t, os.Chown(d, uid, gid), unix.Chmod(d, mode)) }
	}
	with := func(mode uint32, mask uint16, entries ...ace) func(*testing.T, string) {
		return func(t *testing.T, d string) {
			try(t, unix.Chmod(d, mode))
			setACL(t, d, mask, entries...)
		}
	}
	file := func(uid, gid int, mode uint32) func(*testing.T, string) {
		return func(t *testing.T, d string) {
			try(t, os.Chown(d+"/f", uid, gid), unix.Chmod(d+"/f", mode))
		}
	}
	const clean = ", and remove what others made in it"
	for name, c := range map[string]struct {
		set  func(*testing.T, string)
		want string // D is the directory
	}{
		"root's":                        {in(0, 0, 0o755), "may"},
		"its process's owner's":         {in(web1, web1, 0o755), "may"},
		"a stranger's":                  {in(mallory, 0, 0o755), "D: is owned by mallory (mode 0755); chown root D, and remove what mallory made in it"},
		"a stranger's, without a name":  {in(4711, 0, 0o700), "D: is owned by user 4711 (mode 0700); chown root D, and remove what user 4711 made in it"},
		"any user's":                    {in(0, 0, 0o777), "D: directory is world-writable without the sticky bit (owner root, mode 0777); chmod o-w D" + clean},
		"any user's, not the group's":   {in(0, 0, 0o757), "D: directory is world-writable without the sticky bit (owner root, mode 0757); chmod o-w D" + clean},
		"sticky":                        {in(0, 0, 0o1777), "may"},
		"sticky, its process's owner's": {in(web1, web1, 0o1777), "may"},
		"nobody's file":                 {file(65534, 0, 0o644), "D/f: is owned by user 65534 (mode 0644); rm D/f"}, // no overflow owner here
		"sticky, a stranger's":          {in(mallory, 0, 0o1777), "D: is owned by mallory (mode 1777); chown root D, and remove what mallory made in it"},
		"a group":                       {in(0, 2004, 0o775), "D: directory is writable by group web, which includes mallory (owner root, mode 0775); chmod g-w D" + clean},
		"a sticky group":                {in(0, 2004, 0o3775), "may"},
		"the process's group":           {in(0, web1, 0o2775), "may"},
		"a stranger's group":            {in(0, mallory, 0o770), "D: directory is writable by group mallory, which includes mallory (owner root, mode 0770); chmod g-w D" + clean},
		"a group that may not write":    {in(0, 2004, 0o755), "may"},
		"a group of nobody":             {in(0, 2003, 0o775), "may"},
		"root's group with a member":    {in(0, 0, 0o775), "D: directory is writable by group root, which includes mallory (owner root, mode 0775); chmod g-w D" + clean},
		"a group that is not known": {in(0, 4711, 0o775),
			"D: directory is writable by group 4711, which may include users that /etc/group does not list (owner root, mode 0775); chmod g-w D" + clean},
		"a user's ACL": {with(0o755, 7, ace{aclUser, 7, mallory}),
			"D: directory is writable by mallory, by its ACL (owner root, mode 0775); setfacl -x u:2002 D" + clean},
		"a user's ACL, masked":            {with(0o755, 5, ace{aclUser, 7, mallory}), "may"},
		"the process's owner's ACL":       {with(0o755, 7, ace{aclUser, 7, web1}), "may"},
		"an ACL for reading":              {with(0o755, 7, ace{aclUser, 5, mallory}), "may"}, // though the mode says g+w
		"a group's ACL":                   {with(0o755, 7, ace{aclGroup, 7, 2004}), "D: directory is writable by group web, which includes mallory (owner root, mode 0775); setfacl -x g:2004 D" + clean},
		"root's ACL":                      {with(0o755, 7, ace{aclUser, 7, 0}), "may"},
		"a file of root's":                {file(0, 0, 0o644), "may"},
		"a file of its process's owner":   {file(web1, web1, 0o600), "may"},
		"a stranger's file":               {file(mallory, 0, 0o644), "D/f: is owned by mallory (mode 0644); rm D/f"},
		"any user's file":                 {file(0, 0, 0o666), "D/f: file is world-writable (owner root, mode 0666); rm D/f"},
		"a group's file":                  {file(web1, 2004, 0o664), "D/f: file is writable by group web, which includes mallory (owner web1, mode 0664); rm D/f"},
		"a user's file by ACL of a group": {func(t *testing.T, d string) { setACL(t, d+"/f", 5, ace{aclUser, 7, mallory}, ace{aclGroup, 7, 2004}) }, "may"},
		"a file of a group of one":        {file(web1, web1, 0o664), "may"},
		"a file of a group of nobody":     {file(0, 2003, 0o664), "may"},
		"a file with an ACL": {func(t *testing.T, d string) { setACL(t, d+"/f", 7, ace{aclUser, 2, mallory}) },
			"D/f: file is writable by mallory, by its ACL (owner root, mode 0775); rm D/f"},
		"a file of two names": {func(t *testing.T, d string) { try(t, os.Link(d+"/f", d+"/g")) },
			"D/f: has 2 names (hard links), so any user could have put it here (owner root, mode 0644); rm D/f"},
		"a file in a stranger's sticky directory": {func(t *testing.T, d string) {
			in(0, 0, 0o1777)(t, d)
			file(mallory, 0, 0o644)(t, d)
		}, "D/f: is owned by mallory (mode 0644); rm D/f"},
		"a link": {func(t *testing.T, d string) {
			try(t, os.Remove(d+"/f"), os.Symlink("/etc/passwd", d+"/f"))
		}, "D/f: is a symbolic link of root, which can point anywhere; name the file that it points to"},
	} {
		t.Run(name, func(t *testing.T) {
			d := dir(t, d+"/"+strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), "'", ""), 0, 0, 0o755)
			makeFile(t, d+"/f", 0, 0, 0o644)
			c.set(t, d)
			if got := strings.ReplaceAll(verdict(d+"/f"), d, "D"); got != c.want {
				t.Errorf("%s\nnot\n%s", got, c.want)
			}
		})
	}
}

// Links are followed that root or the caller made, in whichever directory.
func TestLinkOwners(t *testing.T) {
	d := privileged(t)
	dir(t, d+"/to", web1, web1, 0o755)
	makeFile(t, d+"/to/f", web1, web1, 0o644)
	dir(t, d+"/sticky", 0, 0, 0o1777)
	for owner, want := range map[int]string{
		0:       "may",
		web1:    "D/sticky/link: is a symbolic link of web1, which can point anywhere; rm D/sticky/link",
		mallory: "D/sticky/link: is a symbolic link of mallory, which can point anywhere; rm D/sticky/link",
	} {
		link := d + "/sticky/link"
		try(t, os.Symlink(d+"/to", link), os.Lchown(link, owner, 0))
		if got := strings.ReplaceAll(verdict(link+"/f"), d, "D"); got != want {
			t.Errorf("%s\nnot\n%s", got, want)
		}
		if owner == mallory {
			want := "D/sticky/link: is a symbolic link of mallory, which can point anywhere; use a path without that link"
			if got := strings.ReplaceAll(verdictOf(t, as(web1), "/", link+"/f"), d, "D"); got != want {
				t.Errorf("%s\nnot\n%s", got, want)
			}
		}
		p, err := Walk(link+"/f", Policy{Insecure: true})
		try(t, err)
		if len(p.Word()) > 0 {
			t.Error(p.Word())
		}
		p.Close()
		try(t, os.Remove(link))
	}
}

// What the caller cannot do he is not told to do, and a home stays its user's.
func TestRemedies(t *testing.T) {
	d := privileged(t)
	makeFile(t, dir(t, d+"/any", 0, 0, 0o777)+"/f", 0, 0, 0o644)
	makeFile(t, dir(t, d+"/own", web1, web1, 0o777)+"/f", 0, 0, 0o644)
	makeFile(t, dir(t, d+"/mal", mallory, web1, 0o755)+"/f", mallory, 0, 0o644)
	dir(t, d+"/up", web1, web1, 0o755)
	makeFile(t, d+"/up/f", mallory, 0, 0o644)
	for path, want := range map[string]string{
		"any": "use a directory that only you and root can write to",
		"own": "chmod o-w D/own, and remove what others made in it",
		"mal": "use a directory that only you and root can write to",
		"up":  "rm D/up/f",
	} {
		got := strings.ReplaceAll(verdictOf(t, as(web1), "/", d+"/"+path+"/f"), d, "D")
		if _, hint, _ := strings.Cut(got, "; "); hint != want {
			t.Errorf("%s\nnot\n%s", got, want)
		}
	}
	makeFile(t, dir(t, d+"/root", 0, 2003, 0o775)+"/f", 0, 0, 0o644) // whose group is another root's
	if got := verdictOf(t, as(web1), "/", d+"/root/f"); got != "may" {
		t.Error(got)
	}
	dir(t, "/home/mallory", mallory, mallory, 0o755)
	defer os.RemoveAll("/home/mallory")
	if got := verdict("/home/mallory/f"); got != "/home/mallory: is owned by mallory (mode 0755); use a directory outside of the home of mallory" {
		t.Error(got)
	}
}

// Of a group whose members may be kept elsewhere, somebody unknown is one.
func TestOtherSources(t *testing.T) {
	d := privileged(t)
	makeFile(t, dir(t, d+"/g", 0, 2003, 0o775)+"/f", 0, 0, 0o644)
	if _, err := os.Stat("/etc/nsswitch.conf"); err != nil {
		t.Skip(err)
	}
	for _, text := range []string{"group: files sss", "passwd: files ldap", "initgroups: files [NOTFOUND=return] nis\ngroup: files"} {
		try(t, replace("/etc/nsswitch.conf", d+"/nsswitch", text))
		want := "D/g: directory is writable by group empty, which may include users that /etc/group does not list (owner root, mode 0775)"
		if got := strings.ReplaceAll(verdict(d+"/g/f"), d, "D"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", text, got)
		}
		try(t, unix.Unmount("/etc/nsswitch.conf", 0))
	}
	if got := verdict(d + "/g/f"); got != "may" {
		t.Error(got)
	}
}

// Who can only exchange entries is told from an owner, and the last directory from those above.
func TestParties(t *testing.T) {
	d := privileged(t)
	dir(t, d+"/group", 0, 2004, 0o775)
	dir(t, d+"/group/his", mallory, 0, 0o755)
	w := mustWalk(t, d+"/group/his/f", Policy{}).Word()
	for _, p := range w {
		if above := p.Path == d+"/group"; p.Entries != above || p.Last == above {
			t.Errorf("%+v", p)
		}
	}
	if len(w) != 3 { // both members, and the owner
		t.Error(w)
	}
}

// What a FUSE file system shows is its mounter's word, however tidy it looks.
func TestMounter(t *testing.T) {
	d := privileged(t)
	for mounter, parties := range map[int]int{mallory: 1, Unknown: 1, 0: 0} {
		p := mustWalk(t, d+"/f", Policy{})
		w := &walker{fd: p.fd, stat: p.stat, mounter: mounter, users: p.users}
		if w.judgeDirectory(); len(w.word) != parties || parties > 0 && w.word[0].UID != mounter {
			t.Errorf("mounter %d: %v", mounter, w.word)
		}
	}
	if _, mounter := filesystem(-1, &unix.Stat_t{}); mounter != Unknown {
		t.Error("a file system that cannot be asked:", mounter)
	}
	if owner := fuseOwner(unix.Mkdev(4000, 4000)); owner != Unknown {
		t.Error("a mount that is not listed:", owner)
	}
}
