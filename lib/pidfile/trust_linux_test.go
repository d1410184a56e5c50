package pidfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pidbox/lib/resolve"
)

func TestNotPidfiles(t *testing.T) {
	for name, c := range map[string]struct {
		make func(dir string) error
		want string
		hint string
	}{
		"fifo":      {func(d string) error { return syscall.Mkfifo(d+"/f", 0o644) }, "is a FIFO", "rm DIR/f"},
		"directory": {func(d string) error { return os.Mkdir(d+"/f", 0o755) }, "is a directory", "name a file in it"},
		"link":      {func(d string) error { return os.Symlink("/etc/passwd", d+"/f") }, "is a symbolic link", "name the file that it points to"},
		"dangling":  {func(d string) error { return os.Symlink(d+"/none", d+"/f") }, "is a symbolic link", "name the file that it points to"},
		"large":     {func(d string) error { return os.WriteFile(d+"/f", make([]byte, readLimit+1), 0o644) }, "more than any pidfile", "check the path"},
		"large, a PID": {func(d string) error {
			return os.WriteFile(d+"/f", []byte("2147483647\n"+strings.Repeat("\n", readLimit)), 0o644)
		}, "more than any pidfile", "check the path"},
	} {
		dir := safeDir(t)
		must(t, c.make(dir))
		h, err := Read(dir+"/f", Rules{})
		if !unsafe(err) || !strings.Contains(err.Error(), c.want) || hint(err) != strings.Replace(c.hint, "DIR", dir, 1) {
			t.Errorf("%s: %v, %v, hint %q", name, h, err, hint(err))
		}
		if err := claim(dir+"/f", sleeper(t)); !unsafe(err) {
			t.Errorf("%s: a claim: %v", name, err)
		}
	}
	if h, err := Read("/dev/null", Rules{}); !unsafe(err) || !strings.Contains(err.Error(), "is a device") {
		t.Errorf("%v, %v", h, err)
	}
}

// What took the name between the look and the open is judged again.
func TestJudgedAfterTheOpen(t *testing.T) {
	dir := safeDir(t)
	p := must1(resolve.Walk(dir+"/f", resolve.Policy{}))(t)
	defer p.Close()
	must(t, syscall.Mkfifo(dir+"/fifo", 0o644))
	must(t, os.WriteFile(dir+"/large", make([]byte, readLimit+1), 0o644))
	for _, name := range []string{"fifo", "large", "."} {
		fd := must1(unix.Open(dir+"/"+name, unix.O_RDONLY|unix.O_NONBLOCK, 0))(t)
		if s, err := readOpen(p, fd); !unsafe(err) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
		unix.Close(fd)
	}
}

// Whoever could write the file must be allowed to signal its process.
func TestWriters(t *testing.T) {
	needRoot(t)
	recording(t)
	dir := safeDir(t)
	path := dir + "/web.pid"
	p := sleeper(t)
	for name, c := range map[string]struct {
		make func() error
		hint string
	}{
		"a stranger's file":      {func() error { return os.Chown(path, stranger, -1) }, "rm " + path},
		"anybody's file":         {func() error { return os.Chmod(path, 0o646) }, ""},
		"a stranger's directory": {func() error { return os.Chown(dir, stranger, -1) }, ""},
		"anybody's directory":    {func() error { return os.Chmod(dir, 0o777) }, ""},
		"a group's directory":    {func() error { return errors.Join(os.Chown(dir, 0, stranger), os.Chmod(dir, 0o775)) }, ""},
		"two names":              {func() error { return os.Link(path, dir+"/other") }, ""},
	} {
		must(t, os.Chown(dir, 0, 0))
		must(t, os.Chmod(dir, 0o755))
		os.Remove(path)
		os.Remove(dir + "/other")
		write(t, path, fmt.Sprintln(p.PID()))
		must(t, c.make())
		h, err := Read(path, Rules{})
		if !unsafe(err) || c.hint != "" && hint(err) != c.hint || strings.HasPrefix(hint(err), "chown root "+path) {
			t.Errorf("%s: %v, %v, hint %q", name, h, err, hint(err))
		}
		if err := claim(path, sleeper(t)); !unsafe(err) {
			t.Errorf("%s: a claim: %v", name, err)
		}
		if got := state(t, path, Rules{AllowInsecure: true}); got != Running {
			t.Errorf("%s, allowed: %v", name, got)
		}
	}
}

func TestTrustedUsers(t *testing.T) {
	needRoot(t)
	recording(t)
	dir := safeDir(t)
	path := dir + "/web.pid"
	p := sleeper(t)
	write(t, path, fmt.Sprintln(p.PID()))
	must(t, os.Chown(path, stranger, -1))
	if got := state(t, path, Rules{Trust: []int{stranger}}); got != Running {
		t.Errorf("it is %v", got)
	}
	must(t, os.Chown(dir, stranger, 0))
	os.Remove(path)
	if err := claim(dir+"/new/web.pid", p); !unsafe(err) {
		t.Errorf("a claim in the stranger's directory: %v", err)
	}
	if exists(dir + "/new/web.pid") {
		t.Error("it was made")
	}
	must(t, claimBy(dir+"/sub/web.pid", p, Rules{}.Trusting(stranger)))
	if h, err := Peek(dir+"/other/web.pid", p, Rules{}.Trusting(stranger)); err != nil || exists(dir+"/other") {
		t.Errorf("a look: %v, %v", h, err)
	}
}

// A claim in a directory that a group can write, as BOSH gives its jobs, is proven by its record, in that place only.
func TestMembersOfADirectory(t *testing.T) {
	needRoot(t)
	recording(t)
	dir := safeDir(t)
	must(t, os.Mkdir(dir+"/job", 0o755))
	must(t, os.Mkdir(dir+"/job/sub", 0o755))
	must(t, os.Chown(dir+"/job", 0, stranger))
	must(t, os.Chmod(dir+"/job", 0o770))
	for _, path := range []string{dir + "/job/web.pid", dir + "/job/sub/web.pid"} {
		p := sleeper(t)
		must(t, claim(path, p))
		unbind(p)
		if h := read1(t, path, Rules{}); h.State != Running || h.Allow() != nil {
			t.Errorf("%s: %v", path, h.State)
		}
		moved := filepath.Dir(path) + "/moved.pid"
		must(t, os.Rename(path, moved))
		if h, err := Read(moved, Rules{}); !unsafe(err) {
			t.Errorf("%s, moved: %v, %v", path, h, err)
		}
		must(t, os.Rename(moved, path))
		must(t, Release(t.Context(), read1(t, path, Rules{})))
	}
	// The directory has another path now, which the record of the last directory is proof enough for, and no other.
	p, q := sleeper(t), sleeper(t)
	must(t, claim(dir+"/job/web.pid", p))
	must(t, claim(dir+"/job/sub/web.pid", q))
	unbind(p)
	unbind(q)
	must(t, os.Rename(dir+"/job", dir+"/moved"))
	if got := state(t, dir+"/moved/web.pid", Rules{}); got != Running {
		t.Errorf("it is %v", got)
	}
	if h, err := Read(dir+"/moved/sub/web.pid", Rules{}); !unsafe(err) {
		t.Errorf("%v, %v", h, err)
	}
}

// Nothing but proof waives the word of members.
func TestMembersOfTheDoubtful(t *testing.T) {
	needRoot(t)
	recording(t)
	dir := safeDir(t)
	must(t, os.Chown(dir, 0, stranger))
	must(t, os.Chmod(dir, 0o775))
	p := sleeper(t)
	must(t, claim(dir+"/web.pid", p))
	unbind(p)
	h := read1(t, dir+"/web.pid", Rules{})
	if len(h.placed()) != 0 {
		t.Errorf("proven: %v", h.placed())
	}
	r := &Reservation{Holder: h, place: h.place, Recorded: true}
	must(t, r.believed())
	if r.Recorded = false; !unsafe(r.believed()) {
		t.Error("a claim without a record would not be believed")
	}
	h.State = Doubtful
	if len(h.placed()) == 0 {
		t.Error("doubtful: nobody's word")
	}
	h.State, h.bound = Running, boundElsewhere
	if len(h.placed()) == 0 {
		t.Error("bound to another pidfile: nobody's word")
	}
	rewriteRecord(t, dir+"/web.pid", func(r *record) { r.Inode, r.Start = 0, 0 })
	if h, err := Read(dir+"/web.pid", Rules{}); !unsafe(err) {
		t.Errorf("a record that proves nothing: %v, %v", h, err)
	}
}

// What the kernel keeps on the process outweighs who owns the file and its directory, for that very file.
func TestBinding(t *testing.T) {
	needRoot(t)
	recording(t)
	dir := safeDir(t) + "/run"
	path := dir + "/web.pid"
	p := sleeper(t)
	r := must1(Claim(t.Context(), path, p, Rules{}, 0, 0))(t)
	r.Close()
	if !r.Bound {
		t.Skip("the kernel keeps no attributes on processes")
	}
	must(t, os.Chown(path, stranger, -1))
	must(t, os.Chown(dir, stranger, -1))
	if h := read1(t, path, Rules{}); h.State != Running || h.Proof != Bound || h.Allow() != nil {
		t.Errorf("%v by %v", h.State, h.Proof)
	}
	must(t, os.Rename(path, dir+"/other.pid"))
	if h, err := Read(dir+"/other.pid", Rules{}); !unsafe(err) {
		t.Errorf("by another name: %v, %v", h, err)
	}
	must(t, os.Rename(dir+"/other.pid", path))
	must(t, os.Chown(filepath.Dir(dir), stranger, -1))
	if h, err := Read(path, Rules{}); !unsafe(err) {
		t.Errorf("below a stranger's directory: %v, %v", h, err)
	}
}

// What a record proves of the directories above, it proves with a binding too; and a process may have several pidfiles.
func TestBindingBelowMembers(t *testing.T) {
	needRoot(t)
	recording(t)
	dir := safeDir(t)
	p := sleeper(t)
	var files []string
	for _, job := range []string{"/run/a", "/run/b"} { // as BOSH makes them, of a group whose members nobody knows
		files = append(files, dir+job+"/web.pid")
		must(t, os.MkdirAll(dir+job, 0o755))
		for _, d := range []string{"/run", job} {
			must(t, os.Chown(dir+d, 0, stranger))
			must(t, os.Chmod(dir+d, 0o770))
		}
		r := must1(Claim(t.Context(), files[len(files)-1], p, Rules{}, 0, 0))(t)
		r.Close()
		if !r.Bound {
			t.Skip("the kernel keeps no attributes on processes")
		}
	}
	for _, file := range files {
		if h := read1(t, file, Rules{}); h.State != Running || h.Proof != Bound {
			t.Errorf("%s: %v by %v", file, h.State, h.Proof)
		}
	}
	must(t, Release(t.Context(), read1(t, files[0], Rules{})))
	if h := read1(t, files[1], Rules{}); h.Proof != Bound {
		t.Errorf("after a release of the other: by %v", h.Proof)
	}
	write(t, files[0], fmt.Sprintln(p.PID()))
	if h, err := Read(files[0], Rules{}); !unsafe(err) {
		t.Errorf("after its release: %v by %v", h.State, h.Proof)
	}
}

// An overlay may give the directory another number: what a process is bound to then is not taken to be elsewhere.
func TestBindingOnAnOverlay(t *testing.T) {
	needRoot(t)
	recording(t)
	dir := safeDir(t)
	for _, d := range []string{"lower", "upper", "work", "merged"} {
		must(t, os.Mkdir(dir+"/"+d, 0o755))
	}
	options := fmt.Sprintf("lowerdir=%s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", dir)
	if err := unix.Mount("overlay", dir+"/merged", "overlay", 0, options); err != nil {
		t.Skip("mount: ", err)
	}
	defer func() { _ = unix.Unmount(dir+"/merged", unix.MNT_DETACH) }()
	p := sleeper(t)
	for where, want := range map[string]bool{dir: false, dir + "/merged": true} {
		must(t, os.Mkdir(where+"/run", 0o755))
		must(t, os.Chown(where+"/run", 0, stranger))
		must(t, os.Chmod(where+"/run", 0o770))
		path := where + "/run/web.pid"
		must(t, claim(path, p))
		if p.Bind("1:2:3/web.pid") != nil {
			t.Skip("the kernel keeps no attributes on processes")
		}
		h, err := Read(path, Rules{})
		if (err == nil) != want {
			t.Errorf("%s: %v", where, err)
		}
		h.Close()
	}
}

// A claim does not depend on who put the claimant's own file where it is: it writes the file anew.
func TestClaimOfAFileThatWasMoved(t *testing.T) {
	needRoot(t)
	recording(t)
	dir := safeDir(t) + "/run"
	path := dir + "/web.pid"
	p := sleeper(t)
	must(t, claim(path, p))
	unbind(p)
	must(t, os.Chown(dir, 0, stranger))
	must(t, os.Chmod(dir, 0o770))
	must(t, os.Rename(path, dir+"/db.pid")) // as any of the group could
	if err := claim(dir+"/db.pid", sleeper(t)); !unsafe(err) {
		t.Errorf("for another process: %v", err)
	}
	must(t, claim(dir+"/db.pid", p))
	unbind(p)
	read1(t, dir+"/db.pid", Rules{})
	must(t, os.Chown(dir+"/db.pid", stranger, stranger))
	if err := claim(dir+"/db.pid", p); !unsafe(err) {
		t.Errorf("over a file of a stranger's: %v", err)
	}
}

// The number of a directory that was removed is another's soon: a process that is bound to the one is not to the other.
func TestBindingToADirectoryOfOld(t *testing.T) {
	needRoot(t)
	dir := safeDir(t)
	must(t, os.Chmod(dir, 0o777|os.ModeSticky))
	p := sleeper(t)
	r := must1(Claim(t.Context(), dir+"/run/web.pid", p, Rules{}, 0, 0))(t)
	r.Close()
	if !r.Bound {
		t.Skip("the kernel keeps no attributes on processes")
	}
	old := must1(os.Stat(dir + "/run"))(t)
	must(t, os.RemoveAll(dir+"/run"))
	for i := range 100 {
		his := fmt.Sprint(dir, "/", i)
		must(t, os.Mkdir(his, 0o755))
		if !os.SameFile(old, must1(os.Stat(his))(t)) {
			continue
		}
		write(t, his+"/web.pid", fmt.Sprintln(p.PID()))
		must(t, os.Chown(his+"/web.pid", stranger, stranger))
		must(t, os.Chown(his, stranger, stranger))
		if h, err := Read(his+"/web.pid", Rules{}); !unsafe(err) {
			t.Errorf("%v by %v, %v", h.State, h.Proof, err)
		}
		return
	}
	t.Skip("the file system does not use numbers again")
}

// A record is no proof where any user can replace the file: not only those who have a name.
func TestRecordInAnybodysDirectory(t *testing.T) {
	recording(t)
	dir := safeDir(t) + "/run"
	p := sleeper(t)
	must(t, claim(dir+"/web.pid", p))
	unbind(p)
	must(t, os.Chmod(dir, 0o777))
	if h, err := Read(dir+"/web.pid", Rules{}); !unsafe(err) {
		t.Errorf("%v, %v", h, err)
	}
}

// With a binding, the members that may be signalled are not limited; without, only those of the file's owner.
func TestAllow(t *testing.T) {
	needRoot(t)
	dir := safeDir(t)
	path := dir + "/web.pid"
	write(t, path, "2147483647\n") // stale: its record still selects what is left of a group
	must(t, os.Chown(path, stranger, -1))
	allow := read1(t, path, Rules{}).Allow()
	if allow == nil {
		t.Fatal("all may be signalled")
	}
	for _, c := range []struct {
		ruid, suid int
		want       bool
	}{{stranger, stranger, true}, {stranger, 0, true}, {0, stranger, true}, {0, 0, false}, {stranger + 1, stranger + 1, false}, {-1, -1, false}} {
		if err := allow(1, c.ruid, c.suid); (err == nil) != c.want {
			t.Errorf("%v: %v", c, err)
		}
	}
	if read1(t, path, Rules{AllowInsecure: true}).Allow() != nil {
		t.Error("not all may be signalled though that was allowed")
	}
}

// A stale file is not removed, nor replaced, on the word of one who could not have done so.
func TestStaleElsewhere(t *testing.T) {
	needRoot(t)
	dir := safeDir(t)
	must(t, os.Mkdir(dir+"/his", 0o755))
	must(t, os.Mkdir(dir+"/his/priv", 0o700)) // root's, where a stranger could have moved it
	must(t, os.Chown(dir+"/his", stranger, stranger))
	for _, text := range []string{"2147483647\n", "", "precious = yes\n"} {
		path := dir + "/his/priv/web.pid"
		write(t, path, text)
		if h, err := Read(path, Rules{}); err == nil {
			if fd, err := h.openOwn(); !unsafe(err) {
				t.Errorf("%q: opened for writing: %d, %v", text, fd, err)
			}
			if err := Removable(h); !unsafe(err) {
				t.Errorf("%q: %v", text, err)
			}
			if err := Release(t.Context(), h); !unsafe(err) {
				t.Errorf("%q: %v", text, err)
			}
			h.Close()
		}
		if err := claim(path, sleeper(t)); !unsafe(err) || content(t, path) != text {
			t.Errorf("%q: a claim: %v", text, err)
		}
	}
}

// Nobody keeps others from a name in a directory where every user can make files.
func TestSquatters(t *testing.T) {
	needRoot(t)
	dir := safeDir(t)
	path := dir + "/web.pid"
	must(t, os.Chmod(dir, 0o777|os.ModeSticky))
	his := sleeper(t)
	for _, text := range []string{fmt.Sprintln(his.PID()), "1\n", "", "junk\n"} {
		os.Remove(path)
		write(t, path, text)
		must(t, os.Chown(path, stranger, stranger))
		p := sleeper(t)
		must(t, claim(path, p))
		var st unix.Stat_t
		must(t, unix.Stat(path, &st))
		if st.Uid != 0 || st.Mode&0o777 != 0o644 || content(t, path) != string(format(p.PID())) {
			t.Errorf("%q: now %d's, mode %o, %q", text, st.Uid, st.Mode, content(t, path))
		}
	}
	os.Remove(path)
	write(t, path, fmt.Sprintln(his.PID()))
	var held *HeldError
	if err := claim(path, sleeper(t)); !errors.As(err, &held) { // root's own word
		t.Fatal(err)
	}
	held.Holder.Close()
}

// An existing file keeps its owner and mode, if pid-kill would trust it so.
func TestKeepsOwnerAndMode(t *testing.T) {
	needRoot(t)
	recording(t)
	path := safeDir(t) + "/web.pid"
	p := sleeper(t)
	for name, c := range map[string]struct {
		rules      Rules
		owner      int
		mode, want fs.FileMode
		asked      fs.FileMode
		keeps      bool
	}{
		"mode":           {Rules{}, 0, 0o600, 0o600, 0, true},
		"asked":          {Rules{}, 0, 0o600, 0o640, 0o640, true},
		"trusted":        {Rules{Trust: []int{stranger}}, stranger, 0o640, 0o640, 0, true},
		"anybody writes": {Rules{}, 0, 0o666, 0o644, 0, true},
		"insecure":       {Rules{AllowInsecure: true}, stranger, 0o666, 0o644, 0, true},
	} {
		os.Remove(path)
		write(t, path, "2147483647\n")
		must(t, os.Chown(path, c.owner, c.owner))
		must(t, os.Chmod(path, c.mode))
		r := must1(Claim(t.Context(), path, p, c.rules, c.asked, 0))(t)
		r.Close()
		var st unix.Stat_t
		must(t, unix.Stat(path, &st))
		if int(st.Uid) != c.owner || fs.FileMode(st.Mode).Perm() != c.want {
			t.Errorf("%s: now %d's, mode %o", name, st.Uid, st.Mode)
		}
		if got := state(t, path, c.rules); got != Running {
			t.Errorf("%s: it is %v", name, got)
		}
		unbind(p)
	}
	// A stranger's file stays his only where the kernel vouches for its process.
	os.Remove(path)
	write(t, path, "2147483647\n")
	must(t, os.Chown(path, stranger, stranger))
	r := must1(Claim(t.Context(), path, p, Rules{}, 0, 0))(t)
	r.Close()
	var st unix.Stat_t
	must(t, unix.Stat(path, &st))
	if (st.Uid == stranger) != r.Bound || state(t, path, Rules{}) != Running {
		t.Errorf("a stranger's: now %d's, bound %v", st.Uid, r.Bound)
	}
}
