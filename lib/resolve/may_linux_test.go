package resolve

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMaySignal(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the caller is never asked")
	}
	word := func(uids ...int) (w Word) {
		for _, uid := range uids {
			w = append(w, Party{UID: uid, Path: "/x"})
		}
		return w
	}
	for _, c := range []struct {
		word Word
		on   Process
		also []int
		may  bool
	}{
		{word(), Process{0, 0}, nil, true},
		{word(0), Process{0, 0}, nil, true},
		{word(web1), Process{web1, web1}, nil, true},
		{word(web1), Process{web1, 0}, nil, true}, // kill(2): the real or the saved one
		{word(web1), Process{0, web1}, nil, true},
		{word(web1), Process{0, 0}, nil, false}, // sudo, a set-user-id program that has changed both
		{word(web1, mallory), Process{web1, web1}, nil, false},
		{word(mallory), Process{web1, web1}, []int{mallory}, true},
		{word(web1), Process{mallory, mallory}, []int{mallory}, false},
		{word(Anyone), Process{web1, web1}, nil, false},
		{word(Unknown), Process{web1, web1}, nil, false},
		{word(Unknown), Process{Unknown, Unknown}, nil, false},
	} {
		if err := c.word.May(Signal, c.on, c.also...); (err == nil) != c.may {
			t.Errorf("%v on %v, also %v: %v", c.word, c.on, c.also, err)
		}
	}
	if word(web1).May(Unlink, Process{web1, web1}) == nil {
		t.Error("a process was unlinked")
	}
}

// able tries what the gate judges, as that user, with the programs of the system: not by O_CREAT what there is already,
// which fs.protected_regular may refuse.
func able(t *testing.T, uid uint32, act Act, path string) bool {
	t.Helper()
	script := map[Act]string{
		Unlink: "rm -f $0", Replace: "T=$(mktemp) && mv -f $T $0",
		Append:   "if [ -e $0 ]; then echo | dd of=$0 oflag=append conv=notrunc,nocreat; else echo >>$0; fi",
		Truncate: "if [ -e $0 ]; then dd if=/dev/null of=$0 conv=nocreat; else : >$0; fi",
		Chmod:    "chmod u+x $0", Mkdir: "mkdir $0", Create: "set -C; : >$0",
	}[act]
	cmd := exec.Command("/bin/sh", "-c", script, path)
	cmd.SysProcAttr = as(uid)
	cmd.SysProcAttr.Credential.Groups = []uint32{2004}
	cmd.Dir = "/"
	return cmd.Run() == nil
}

// The gate allows no user what the kernel does not, but for writing to a file that he could exchange, and what an owner
// could do after a chmod.
func TestMayAsTheKernel(t *testing.T) {
	d := privileged(t)
	type owned struct {
		uid, gid int
		mode     uint32
	}
	none := owned{-1, -1, 0}
	for _, on := range []owned{{0, 0, 0o755}, {web1, 0, 0o755}, {web1, 0, 0o1777}, {0, 0, 0o777}, {0, 0, 0o1777}, {0, 2004, 0o775}, {0, 2004, 0o3775}, {0, 2004, 0o707}, {mallory, 2004, 0o1775}} {
		for _, at := range []owned{none, {0, 0, 0o644}, {web1, 0, 0o644}, {0, 2004, 0o664}, {0, 0, 0o666}, {0, 2004, 0o606}, {mallory, 0, 0o600}} {
			for act := Unlink; act <= Create; act++ {
				if at == none && act < Mkdir && act != Append && act != Truncate || at != none && act >= Mkdir {
					continue
				}
				try(t, os.RemoveAll(d+"/d"))
				path := dir(t, d+"/d", on.uid, on.gid, on.mode) + "/f"
				if at != none {
					makeFile(t, path, at.uid, at.gid, at.mode)
				}
				p := mustWalk(t, path, Policy{})
				st, err := p.Stat()
				if err != nil {
					st = nil
				}
				entry := p.Entry(st, -1)
				may := (Word{{UID: web1}}).May(act, entry) == nil
				everybody := (Word{{UID: Anyone}}).May(act, entry) == nil
				removes := (Word{{UID: web1}}).May(Unlink, entry) == nil
				if did := able(t, web1, act, path); did != may && !(removes && (act == Append || act == Truncate)) && !(may && at.uid == web1) {
					t.Errorf("act %d in %v on %v: may %v, does %v", act, on, at, may, did)
				}
				if everybody && !may {
					t.Errorf("act %d in %v on %v: everybody may, he not", act, on, at)
				}
			}
		}
	}
}

// By an ACL a user may do what others may not, and the other way round.
func TestMayByACL(t *testing.T) {
	d := privileged(t)
	for _, c := range []struct {
		mask    uint16
		entries []ace
		may     bool
	}{
		{7, []ace{{aclUser, 7, web1}}, true},
		{5, []ace{{aclUser, 7, web1}}, false},
		{6, []ace{{aclUser, 7, web1}}, false}, // the mask takes the search away
		{7, []ace{{aclUser, 7, mallory}}, false},
		{7, []ace{{aclGroup, 7, 2004}}, true},
		{7, []ace{{aclUser, 5, web1}, {aclGroup, 7, 2004}}, false}, // the first that is of him counts
		{7, []ace{{aclUser, 2, web1}}, false},                      // nothing is made where one cannot search
	} {
		try(t, os.RemoveAll(d+"/d"))
		path := dir(t, d+"/d", 0, 0, 0o755)
		setACL(t, path, c.mask, c.entries...)
		p := mustWalk(t, path+"/f", Policy{})
		if may := (Word{{UID: web1}}).May(Create, p.Entry(nil, -1)) == nil; may != c.may || able(t, web1, Create, path+"/f") != may {
			t.Errorf("%v: %v", c, may)
		}
	}
}

// What every user may do is what no entry of the ACL denies.
func TestMayAnyoneByACL(t *testing.T) {
	d := privileged(t)
	for may, entry := range map[bool]ace{true: {aclUser, 7, mallory}, false: {aclUser, 0, mallory}} {
		try(t, os.RemoveAll(d+"/d"))
		path := dir(t, d+"/d", 0, 0, 0o755)
		setACL(t, path, 7, entry, ace{aclGroup, 7, 2003})
		b := make([]byte, 100)
		n, err := unix.Getxattr(path, "system.posix_acl_access", b)
		try(t, err)
		b[4+8+8+8+8+8+2] = 7 // the others, behind the mask
		b[4+8+8+2] = 7       // the owning group
		try(t, unix.Setxattr(path, "system.posix_acl_access", b[:n], 0))
		p := mustWalk(t, path+"/f", Policy{})
		if got := (Word{{UID: Anyone}}).May(Create, p.Entry(nil, -1)) == nil; got != may {
			t.Errorf("%v: %v, mode %o", entry, got, p.stat.Mode)
		}
	}
}

// What a party can do to one file or directory he cannot do to another.
func TestMayOnlyThere(t *testing.T) {
	d := privileged(t)
	for _, name := range []string{"/a", "/b"} {
		makeFile(t, dir(t, d+name, 0, 4711, 0o775)+"/f", 0, 4711, 0o664)
	}
	a, b := mustWalk(t, d+"/a/f", Policy{}), mustWalk(t, d+"/b/f", Policy{})
	sa, err := a.Stat()
	try(t, err)
	sb, err := b.Stat()
	try(t, err)
	for _, act := range []Act{Append, Unlink} {
		try(t, a.Word().May(act, a.Entry(sa, -1)))
		if a.Word().May(act, b.Entry(sb, -1)) == nil {
			t.Error("act", act, "in another directory")
		}
	}
	try(t, a.FileWord(sa, -1).May(Append, a.Entry(sa, -1)))
	if a.FileWord(sa, -1).May(Append, b.Entry(sb, -1)) == nil {
		t.Error("to another file")
	}
}

// Writing to a file of another's asks for more than a directory if the file has a second name.
func TestMayWriteToALink(t *testing.T) {
	d := privileged(t)
	path := dir(t, d+"/d", web1, 0, 0o755) + "/f"
	makeFile(t, path, 0, 0, 0o644)
	p := mustWalk(t, path, Policy{})
	may := func() bool {
		st, err := p.Stat()
		try(t, err)
		return p.Word().May(Append, p.Entry(st, -1)) == nil
	}
	if !may() {
		t.Error("refused, though he could have put a file of his there")
	}
	try(t, os.Link(path, d+"/g"))
	if may() {
		t.Error("allowed, though the file is another's too")
	}
}

func TestMakeOnlyForTheTrusted(t *testing.T) {
	d := privileged(t)
	dir(t, d+"/web", web1, web1, 0o755)
	for _, path := range []string{"/web/new/f", "/web/new/er/f"} {
		if _, err := Walk(d+path, Policy{Make: 0o755}); !strings.HasPrefix(said(err), d+"/web: is owned by web1") {
			t.Error(err)
		}
	}
	if _, err := os.Stat(d + "/web/new"); err == nil {
		t.Error("it was made")
	}
	dir(t, d+"/group", 0, 2004, 0o775) // whose members gain nothing
	mustWalk(t, d+"/group/new/f", Policy{Make: 0o755})
	p := mustWalk(t, d+"/web/new/f", Policy{Make: 0o755, Trust: []int{web1}})
	if err := p.Word().May(Create, p.Entry(nil, -1)); err == nil {
		t.Error("web1 could not have made a file in there")
	}
	try(t, p.Word().May(Create, p.Entry(nil, -1), web1))
}

// Who could lead a path elsewhere before its directory makes it unsteady, who is trusted with that directory does not.
func TestSteady(t *testing.T) {
	d := privileged(t)
	dir(t, d+"/web", web1, web1, 0o755)
	dir(t, d+"/web/ours", 0, 0, 0o755)
	if err := mustWalk(t, d+"/web/s", Policy{}).Steady(); err != nil {
		t.Error(err)
	}
	if err := mustWalk(t, d+"/web/ours/s", Policy{}).Steady(); !strings.HasPrefix(said(err), d+"/web: is owned by web1") {
		t.Error(err)
	}
}

func TestOpenLog(t *testing.T) {
	d := privileged(t)
	dir(t, d+"/web", web1, web1, 0o755)
	dir(t, d+"/priv", 0, 0, 0o700)
	dir(t, d+"/sticky", 0, 0, 0o1777)
	makeFile(t, d+"/priv/f", 0, 0, 0o600)
	makeFile(t, d+"/sticky/f", mallory, 0, 0o644)
	for range 2 { // made, and there
		f, _, err := OpenLog(d+"/web/log", false, Policy{})
		try(t, err)
		if _, err := f.WriteString("line\n"); err != nil {
			t.Error(err)
		}
		f.Close()
	}
	f, made, err := OpenLog(d+"/web/log", true, Policy{})
	try(t, err)
	info, err := f.Stat()
	if f.Close(); made || err != nil || info.Size() != 0 || info.Mode().Perm() != 0o644 {
		t.Error(made, info.Size(), info.Mode(), err)
	}
	// Root's file by another name, and what a link of web1's leads to.
	try(t, os.Link(d+"/priv/f", d+"/web/hard"), os.Symlink("../priv/f", d+"/web/soft"), os.Lchown(d+"/web/soft", web1, web1),
		os.Symlink(d+"/sticky/f", d+"/priv/own"), os.Symlink("../priv", d+"/web/dir"), os.Lchown(d+"/web/dir", web1, web1))
	for path, want := range map[string]string{
		"/web/hard":    "/web/hard: has another name, and ",
		"/web/soft":    "/web/soft: is a symbolic link of web1",
		"/web/dir/new": "/web/dir: is a symbolic link of web1",
	} {
		if _, _, err := OpenLog(d+path, true, Policy{}); !strings.HasPrefix(said(err), d+want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, _, err := OpenLog(d+"/web/hard", false, Policy{}); !strings.HasPrefix(said(err), d+"/web/hard: has another name, and ") {
		t.Errorf("to append: %v", err)
	}
	if info, err := os.Stat(d + "/priv/f"); err != nil || info.Size() == 0 {
		t.Error("root's file was emptied", err)
	}
	f, _, err = OpenLog(d+"/priv/own", false, Policy{})
	try(t, err)
	f.Close()
	f, _, err = OpenLog("/dev/stdout", true, Policy{})
	if err == nil {
		f.Close()
	} else if !errors.Is(err, unix.ENXIO) && !strings.Contains(err.Error(), "FIFO") {
		t.Error(err)
	}
	try(t, unix.Mkfifo(d+"/priv/fifo", 0o600))
	if _, _, err := OpenLog(d+"/priv/fifo", false, Policy{}); err == nil || !strings.Contains(err.Error(), "a FIFO that no process reads") {
		t.Error(err)
	}
}

// fs.protected_regular refuses an open with O_CREAT that would create nothing, so there must be none.
func TestProtectedRegular(t *testing.T) {
	d := privileged(t)
	dir(t, d+"/sticky", 0, 0, 0o1777)
	makeFile(t, d+"/sticky/f", web1, web1, 0o644)
	p := mustWalk(t, d+"/sticky/f", Policy{})
	looks := 0
	p.policy.hook = func(string) { looks++ }
	f, err := p.Open(os.O_WRONLY|os.O_CREATE, 0o644)
	try(t, err)
	f.Close()
	if looks != 1 { // the one without O_CREAT
		t.Error(looks, "calls")
	}
	if text, _ := os.ReadFile("/proc/sys/fs/protected_regular"); strings.TrimSpace(string(text)) == "0" {
		t.Skip("the kernel refuses nothing here")
	}
	if _, err := os.OpenFile(d+"/sticky/f", os.O_WRONLY|os.O_CREATE, 0o644); err == nil {
		t.Error("the rule has gone")
	}
}

// A file that comes and goes is opened or created, in a bounded number of rounds.
func TestOpenAppearing(t *testing.T) {
	d := t.TempDir()
	p := mustWalk(t, d+"/f", Policy{})
	there, turns := false, 0
	p.policy.hook = func(string) { // there when it is to be created, gone when it is to be opened
		turns++
		if there = !there; there {
			_ = os.Remove(d + "/f")
		} else {
			try(t, os.WriteFile(d+"/f", nil, 0o644))
		}
	}
	if _, err := p.Open(os.O_RDWR|os.O_CREATE, 0o644); !errors.Is(err, os.ErrExist) || turns > 100 {
		t.Error(err, turns)
	}
}

// Members of a group whom no file lists can do in its directory what members can, and elsewhere what any user can.
func TestMayUnknown(t *testing.T) {
	d := privileged(t)
	dir(t, d+"/log", 0, 4711, 0o775)
	dir(t, d+"/log/sub", 0, 0, 0o755)
	makeFile(t, d+"/log/f", 0, 4711, 0o664)
	makeFile(t, d+"/log/sub/f", 0, 0, 0o644)
	for path, want := range map[string]bool{"/log/f": true, "/log/new": true, "/log/sub/f": false, "/log/sub/new": false} {
		f, _, err := OpenLog(d+path, false, Policy{})
		if (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
		if err == nil {
			f.Close()
		}
	}
	makeFile(t, d+"/f", 0, 4711, 0o620) // as a terminal is
	f, _, err := OpenLog(d+"/f", false, Policy{})
	try(t, err)
	f.Close()
	p := mustWalk(t, d+"/log/f", Policy{})
	st, err := p.Stat()
	try(t, err)
	word := append(p.Word(), p.FileWord(st, -1)...)
	if err := word.May(Chmod, p.Entry(st, -1)); err == nil {
		t.Error("a member who is not known may chmod")
	}
	if err := word.May(Signal, Process{web1, web1}); err == nil {
		t.Error("a member who is not known may signal")
	}
	try(t, p.Word().May(Unlink, p.Entry(st, -1)))
}
