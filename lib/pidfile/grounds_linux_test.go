package pidfile

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
	"pidbox/lib/resolve"
	"pidbox/testscripts/lab"
)

// That a process is bound to one pidfile is no proof for another, and there it outweighs a record.
func TestBoundElsewhere(t *testing.T) {
	needRoot(t)
	recording(t)
	dir := safeDir(t)
	p := sleeper(t)
	must(t, claim(dir+"/b.pid", p))
	unbind(p)
	r := must1(Claim(t.Context(), dir+"/a.pid", p, Rules{}, 0, 0))(t)
	if r.Close(); !r.Bound {
		t.Skip("the kernel keeps no attributes on processes")
	}
	h := read1(t, dir+"/b.pid", Rules{})
	if h.State != Running || h.Proof == Bound || !strings.HasSuffix(h.Why, "but for another pidfile") {
		t.Errorf("%v by %v: %s", h.State, h.Proof, h.Why)
	}
	must(t, os.Chown(dir, 0, stranger))
	must(t, os.Chmod(dir, 0o775))
	if h, err := Read(dir+"/b.pid", Rules{}); !unsafe(err) {
		t.Errorf("in a group's directory: %v, %v", h, err)
	}
	must(t, os.Chmod(dir, 0o755))
	write(t, dir+"/c.pid", fmt.Sprintln(p.PID()))
	written(t, dir+"/c.pid", time.Unix(1e9, 1))
	if got := state(t, dir+"/c.pid", Rules{}); got != Doubtful {
		t.Errorf("an old file without a record: %v", got)
	}
	// Of two file systems with a directory of the same number, only one is meant.
	if a := at(t, dir+"/a.pid"); !strings.HasPrefix(boundTo(a), fmt.Sprint(must1(a.Stat())(t).Dev)+":") {
		t.Error(boundTo(a))
	}
}

// A file of the same name was claimed in another directory of a group's.
func TestMovedToAnotherDirectory(t *testing.T) {
	needRoot(t)
	recording(t)
	dir := safeDir(t)
	for _, job := range []string{"/one", "/two"} {
		must(t, os.Mkdir(dir+job, 0o755))
		must(t, os.Chown(dir+job, 0, stranger))
		must(t, os.Chmod(dir+job, 0o770))
	}
	p := sleeper(t)
	must(t, claim(dir+"/one/web.pid", p))
	unbind(p)
	must(t, os.Rename(dir+"/one/web.pid", dir+"/two/web.pid"))
	if h, err := Read(dir+"/two/web.pid", Rules{}); !unsafe(err) {
		t.Errorf("%v, %v", h, err)
	}
}

// A want of descriptors is never taken for a process that has ended.
func TestFewDescriptors(t *testing.T) {
	path := safeDir(t) + "/web.pid"
	must(t, claim(path, sleeper(t)))
	last := must1(os.Open(os.DevNull))(t)
	defer last.Close()
	var was unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &was))
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &was) }()
	failed, worked := 0, 0
	for n := uint64(3); worked < 3 && n < 1000; n++ {
		must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: was.Max}))
		h, err := Read(path, Rules{})
		switch {
		case errors.Is(err, unix.EMFILE):
			failed++
		case err != nil:
			t.Errorf("with %d: %v", n, err)
		case h.State != Running:
			t.Errorf("with %d: %v: %s", n, h.State, h.Why)
		default:
			worked++
		}
		h.Close()
	}
	if failed == 0 || worked == 0 {
		t.Errorf("%d failed, %d worked", failed, worked)
	}
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &was))
	recording(t) // without pidfds and /proc no descriptor is needed
	h := read1(t, path, Rules{})
	h.free()
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: was.Max}))
	if err := h.judge(); !errors.Is(err, unix.EMFILE) || h.State == Stale {
		t.Errorf("a judgement: %v, %v", h.State, err)
	}
}

// Also where start times are not known, a file from before the boot proves nothing, and a record is not guessed away.
func TestWithoutStartTimes(t *testing.T) {
	path := safeDir(t) + "/web.pid"
	p := sleeper(t)
	write(t, path, fmt.Sprintln(p.PID()))
	written(t, path, time.Unix(1e9, 1))
	if got := state(t, path, Rules{}); got != Doubtful {
		t.Errorf("from before the boot: %v", got)
	}
	id := proc.Here()
	id.PID, id.Start, id.Inode = p.PID(), 1, 1
	write(t, path, fmt.Sprintln(p.PID()))
	fd := must1(unix.Open(path, unix.O_RDWR, 0))(t)
	defer unix.Close(fd)
	if recorded, err := claimed.Write(fd, id.String()); err != nil || !recorded {
		t.Skip("no record: ", err)
	}
	if got := state(t, path, Rules{}); got != Stale && got != Doubtful {
		t.Errorf("of another process: %v", got)
	}
}

// A process whose users cannot be found out is not signalled on a stranger's word.
func TestUnknownCredentials(t *testing.T) {
	path := safeDir(t) + "/web.pid"
	must(t, claim(path, sleeper(t)))
	h := read1(t, path, Rules{})
	h.bound = unbound
	h.seen.word = resolve.Word{{UID: stranger, Path: path}}
	h.Process.Close()
	if err := h.trust(); !unsafe(err) {
		t.Error(err)
	}
}

const threeUsers = "PIDBOX_PIDFILE_THREE_USERS"

// The users who may signal a process are the real and the saved one, not the one that it acts as.
func TestOwnerOf(t *testing.T) {
	if os.Getenv(threeUsers) != "" {
		_, _, errno := syscall.AllThreadsSyscall(unix.SYS_SETRESUID, stranger, stranger+1, stranger+2)
		fmt.Println(int(errno))
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		os.Exit(0)
	}
	needRoot(t)
	recording(t)
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestOwnerOf$")
	cmd.Env = append(os.Environ(), threeUsers+"=1")
	in := must1(cmd.StdinPipe())(t)
	out := must1(cmd.StdoutPipe())(t)
	must(t, cmd.Start())
	defer func() { in.Close(); _ = cmd.Wait() }()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "0\n" {
		t.Skip(line, err)
	}
	on, err := ownerOf(open(t, &lab.Process{PID: cmd.Process.Pid}))
	if err != nil || on != (resolve.Process{RUID: stranger, SUID: stranger + 2}) {
		t.Errorf("%+v, %v", on, err)
	}
}

// Whoever could write to a stranger's file keeps it only where the kernel vouches for the process, and not in /tmp.
func TestKeepsOwner(t *testing.T) {
	needRoot(t)
	dir := safeDir(t)
	write(t, dir+"/web.pid", dead)
	must(t, os.Chown(dir+"/web.pid", stranger, stranger))
	h := read1(t, dir+"/web.pid", Rules{})
	if h.keepsOwner(false) || !h.keepsOwner(true) {
		t.Error("unbound", h.keepsOwner(false), "bound", h.keepsOwner(true))
	}
	must(t, os.Chmod(dir, 0o777|os.ModeSticky))
	if h := read1(t, dir+"/web.pid", Rules{}); h.keepsOwner(true) {
		t.Error("in a sticky directory")
	}
}

// A stranger's file in a sticky directory holds the name all the same if a claim of root's has bound a process to it.
func TestBoundSquatter(t *testing.T) {
	needRoot(t)
	dir := safeDir(t)
	must(t, os.Chmod(dir, 0o777|os.ModeSticky))
	r := must1(Claim(t.Context(), dir+"/web.pid", sleeper(t), Rules{}, 0, 0))(t)
	if r.Close(); !r.Bound {
		t.Skip("the kernel keeps no attributes on processes")
	}
	must(t, os.Chown(dir+"/web.pid", stranger, stranger))
	var held *HeldError
	if err := claim(dir+"/web.pid", sleeper(t)); !errors.As(err, &held) {
		t.Fatal(err)
	}
	held.Holder.Close()
}

// A file that says to be small, and has more to read, is no pidfile either.
func TestGrownWhileRead(t *testing.T) {
	cmd := exec.Command("cat")
	cmd.Env = []string{"X=" + strings.Repeat("7", 2*readLimit)}
	in := must1(cmd.StdinPipe())(t)
	must(t, cmd.Start())
	defer func() { in.Close(); _ = cmd.Wait() }()
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/environ", cmd.Process.Pid), unix.O_RDONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer unix.Close(fd)
	if s, err := readOpen(at(t, safeDir(t)+"/f"), fd); !unsafe(err) {
		t.Error(s, err)
	}
}

// There is one record, and what is too large for the file system is an error, not a want of one.
func TestAttribute(t *testing.T) {
	path := safeDir(t) + "/f"
	write(t, path, "")
	fd := must1(unix.Open(path, unix.O_RDWR, 0))(t)
	defer unix.Close(fd)
	second := claimed.names()[1]
	if err := unix.Fsetxattr(fd, second, []byte("old"), 0); err == nil {
		if recorded, err := claimed.Write(fd, "new"); !recorded || err != nil || claimed.Read(fd) != "new" {
			t.Skip("no record: ", err)
		}
		if _, err := unix.Fgetxattr(fd, second, nil); err != unix.ENODATA {
			t.Error("the old record is left:", err)
		}
	}
	if recorded, err := claimed.Write(fd, ""); recorded || err != nil || claimed.Read(fd) != "" {
		t.Error(recorded, err, claimed.Read(fd))
	}
	large, err := claimed.Write(fd, strings.Repeat("x", 60000))
	if !large && !errors.Is(err, unix.ENOSPC) && os.Geteuid() == 0 {
		if small, _ := claimed.Write(fd, "x"); small {
			t.Error(err)
		}
	}
}

// Of a claim that fails nothing is left: neither a binding, nor another record than before.
func TestFailedClaim(t *testing.T) {
	recording(t)
	path := safeDir(t) + "/web.pid"
	first := lab.Sleeper(t)
	must(t, claim(path, open(t, first)))
	first.Kill()
	before := read1(t, path, Rules{}).seen
	p := sleeper(t)
	for _, inPlace := range []bool{false, true} {
		r := must1(Reserve(t.Context(), path, Rules{}, 0, 0))(t)
		r.inPlace = inPlace
		r.Attach = func(int, proc.Identity) error { return unix.ENOSPC }
		if err := r.Write(p); !errors.Is(err, unix.ENOSPC) {
			t.Error(err)
		}
		r.Close()
		if value, ok := p.Bound(); ok && value != "" {
			t.Errorf("bound to %q", value)
		}
		if now := read1(t, path, Rules{}).seen; now.record != before.record || now.content != before.content {
			t.Errorf("in place %v: %q, %q", inPlace, now.content, now.record)
		}
	}
}

// A file of the claimant's that was claimed elsewhere gets a record of this place.
func TestClaimOfAMovedFile(t *testing.T) {
	recording(t)
	dir := safeDir(t)
	p := sleeper(t)
	must(t, claim(dir+"/a.pid", p))
	must(t, os.Rename(dir+"/a.pid", dir+"/b.pid"))
	must(t, claim(dir+"/b.pid", p))
	if h := read1(t, dir+"/b.pid", Rules{}); h.record.Path != dir+"/b.pid" {
		t.Error(h.record.Path)
	}
	must(t, os.Mkdir(dir+"/new", 0o755))
	must(t, os.Rename(dir+"/b.pid", dir+"/new/b.pid"))
	must(t, claim(dir+"/new/b.pid", p))
	if h := read1(t, dir+"/new/b.pid", Rules{}); h.record.Path != dir+"/new/b.pid" {
		t.Error(h.record.Path)
	}
	// That of a process before with its number is not its own.
	id, err := p.Identity()
	must(t, err)
	rewriteRecord(t, dir+"/new/b.pid", func(r *record) { r.Inode++; r.Start += 5 })
	must(t, claim(dir+"/new/b.pid", p))
	if h := read1(t, dir+"/new/b.pid", Rules{}); h.Recorded == nil || *h.Recorded != id {
		t.Error(h.Recorded)
	}
}

// Nobody asks for a zombie.
func TestPeekForTheDead(t *testing.T) {
	recording(t)
	path := safeDir(t) + "/web.pid"
	p := open(t, lab.Zombie(t))
	if h, err := Peek(path, p, Rules{}); !errors.Is(err, proc.ErrNotFound) {
		t.Error(h, err)
	}
}

// Where a file can have no record, a claim in a directory of a group's is refused: it would not be believed.
func TestBelievedWithoutARecord(t *testing.T) {
	needRoot(t)
	if !lab.InNamespace(t) {
		return
	}
	dir := safeDir(t)
	if err := unix.Mount("ramfs", dir, "ramfs", 0, "mode=755"); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	must(t, os.Chown(dir, 0, stranger))
	must(t, os.Chmod(dir, 0o775))
	p := sleeper(t)
	id := must1(p.Identity())(t)
	write(t, dir+"/web.pid", dead)
	r := must1(Reserve(t.Context(), dir+"/web.pid", Rules{}, 0, 0))(t)
	defer r.Close()
	for name, f := range map[string]func(proc.Identity) error{"another file": r.replace, "in place": r.overwrite} {
		if err := f(id); !unsafe(err) || content(t, dir+"/web.pid") != dead {
			t.Errorf("%s: %v, it holds %q", name, err, content(t, dir+"/web.pid"))
		}
	}
}

// A claim that would not be believed afterwards is refused, also where there is no file yet; what nobody can be named for
// is not written to.
func TestClaimInAStrangersDirectory(t *testing.T) {
	needRoot(t)
	dir := safeDir(t)
	path := dir + "/web.pid"
	must(t, os.Chown(dir, stranger, stranger))
	if err := claim(path, sleeper(t)); !unsafe(err) || exists(path) {
		t.Error(err, exists(path))
	}
	must(t, os.Chown(dir, 0, 0))
	write(t, path, dead)
	h := read1(t, path, Rules{})
	must(t, h.mayTruncate())
	h.seen.word = resolve.Word{{UID: resolve.Unknown, Path: path}}
	if err := h.mayTruncate(); !unsafe(err) {
		t.Error(err)
	}
	must(t, os.Chmod(dir, 0o777|os.ModeSticky))
	h = read1(t, path, Rules{})
	asThread(t, stranger, func() {
		if h.squats() {
			t.Error("root's file is a squatter's")
		}
	})
}

// A name that is passed on is bound to its new process alone.
func TestPassBinds(t *testing.T) {
	needRoot(t)
	path := safeDir(t) + "/web.pid"
	p, q := sleeper(t), sleeper(t)
	r := must1(Claim(t.Context(), path, p, Rules{}, 0, 0))(t)
	if r.Close(); !r.Bound {
		t.Skip("the kernel keeps no attributes on processes")
	}
	h := read1(t, path, Rules{})
	must(t, Pass(t.Context(), h, q, 0, false, nil))
	if bindingOf(p, h.place) == boundHere || bindingOf(q, h.place) != boundHere {
		t.Error("old:", bindingOf(p, h.place), "new:", bindingOf(q, h.place))
	}
}

// A program without locks that replaces the file now and then makes no claim fail.
func TestClaimTriesAgain(t *testing.T) {
	path := safeDir(t) + "/web.pid"
	write(t, path, dead)
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-over:
				return
			case <-time.After(300 * time.Microsecond):
			}
			_ = os.WriteFile(path+".new", []byte(dead), 0o644)
			_ = os.Rename(path+".new", path)
		}
	}()
	p := sleeper(t)
	for range 100 {
		if err := claim(path, p); err != nil {
			t.Error(err)
			break
		}
	}
	close(over)
	<-done
}

// What he could remove himself is removed on his word.
func TestReleaseWhereHeCould(t *testing.T) {
	needRoot(t)
	dir := safeDir(t)
	write(t, dir+"/web.pid", dead)
	must(t, os.Chown(dir, stranger, stranger))
	h := read1(t, dir+"/web.pid", Rules{})
	must(t, Removable(h))
	must(t, Release(t.Context(), h))
	if exists(dir + "/web.pid") {
		t.Error("it is still there")
	}
}

// A zombie gets no pidfile, nor does anybody where the caller can make none.
func TestWriteRefused(t *testing.T) {
	needRoot(t)
	recording(t)
	dir := openDir(t)
	path := dir + "/web.pid"
	r := must1(Reserve(t.Context(), path, Rules{}, 0, 0))(t)
	if err := r.Write(open(t, lab.Zombie(t))); !errors.Is(err, proc.ErrNotFound) || exists(path) {
		t.Error(err, exists(path))
	}
	r.Close()
	p := sleeper(t)
	asThread(t, stranger, func() {
		r, err := Reserve(t.Context(), path, Rules{}, 0, 0)
		if err == nil {
			err = r.Write(p)
			r.Close()
		}
		if !errors.Is(err, unix.EACCES) {
			t.Error(err)
		}
	})
}

// Rules that were derived from the same ones do not share whom they trust.
func TestTrusting(t *testing.T) {
	base := Rules{Trust: make([]int, 0, 4)}
	one, two := base.Trusting(1), base.Trusting(2)
	if one.Trust[0] != 1 || two.Trust[0] != 2 || len(base.Trust) > 0 {
		t.Error(one.Trust, two.Trust)
	}
}

// A release takes the binding off, and one that is in doubt about the caller himself is none.
func TestReleaseUnbinds(t *testing.T) {
	needRoot(t)
	recording(t)
	path := safeDir(t) + "/web.pid"
	p := sleeper(t)
	must(t, claim(path, p))
	h := read1(t, path, Rules{})
	must(t, Release(t.Context(), h))
	if bindingOf(p, h.place) == boundHere {
		t.Error("it is bound still")
	}
	write(t, path, string(format(os.Getpid())))
	written(t, path, time.Unix(1e9, 1))
	must(t, ReleaseIfOurs(t.Context(), path, Rules{}, os.Getpid()))
	if !exists(path) {
		t.Error("removed in doubt")
	}
}

// What was written in place has a record that counts, and is written only over what was seen.
func TestInPlaceCounts(t *testing.T) {
	recording(t)
	path := safeDir(t) + "/web.pid"
	p := sleeper(t)
	write(t, path, dead)
	written(t, path, time.Unix(1e9, 1))
	r := must1(Reserve(t.Context(), path, Rules{}, 0, 0))(t)
	r.inPlace = true
	must(t, r.Write(p))
	r.Close()
	h := read1(t, path, Rules{})
	if h.Recorded == nil {
		t.Error("its record does not count")
	}
	write(t, path, dead)
	if fd, err := h.openOwn(); !errors.Is(err, ErrChanged) {
		t.Error(fd, err)
	}
}
