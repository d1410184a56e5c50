package pidfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/resolve"
)

// soon bounds what must not come.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// openDir is a safeDir that every user can enter and read.
func openDir(t *testing.T) string {
	t.Helper()
	dir := safeDir(t)
	for d := dir; d != "/"; d = d[:max(1, strings.LastIndexByte(d, '/'))] {
		must(t, os.Chmod(d, must1(os.Stat(d))(t).Mode()|0o055))
	}
	return dir
}

// asThread runs f on a thread that acts as that user, which ends with it: not on the first one, which would not, and by
// which /proc tells whose the process is.
func asThread(t *testing.T, uid uintptr, f func()) {
	t.Helper()
	done := make(chan syscall.Errno)
	var act func()
	act = func() {
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() {
			go act() // while this one is taken
			<-t.Context().Done()
			runtime.UnlockOSThread()
			return
		}
		_, _, errno := syscall.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid)
		if errno == 0 {
			f()
		}
		done <- errno
	}
	go act()
	if errno := <-done; errno != 0 {
		t.Fatal(errno)
	}
}

// deleted lists what this process has open of a directory though it has no name there any more.
func deleted(dir string) (open []string) {
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range fds {
		to, err := os.Readlink("/proc/self/fd/" + fd.Name())
		if err == nil && strings.HasPrefix(to, dir) && strings.HasSuffix(to, " (deleted)") {
			open = append(open, to)
		}
	}
	return open
}

// A lock file that another made in the place of ours is not removed with our lock.
func TestReleaseOfOurLockFileOnly(t *testing.T) {
	dir := safeDir(t)
	p := at(t, dir+"/web.pid")
	name := dir + "/" + lockName("web.pid")
	own := must1(lockBeside(t.Context(), p))(t)
	must(t, os.Remove(name))
	write(t, name, "")
	l := locks{place: p, own: own}
	if l.release(); !exists(name) {
		t.Error("another's was removed")
	}
}

// A check that fails before a try ends it, and no lock is kept.
func TestTakeLocksFails(t *testing.T) {
	path := safeDir(t) + "/web.pid"
	write(t, path, dead)
	h := read1(t, path, Rules{})
	refusal := errors.New("no")
	if _, err := takeLocks(t.Context(), h, true, func() error { return refusal }); err != refusal {
		t.Error(err)
	}
	l, err := lockBeside(t.Context(), h.place)
	must(t, err)
	if other, err := lockBeside(soon(t), h.place); !errors.Is(err, ErrBusy) || other != nil {
		t.Error("locked twice:", err)
	}
	_ = l.Unlock()
}

// Nothing is locked but a regular file, whatever has its name.
func TestOnlyFilesAreLocked(t *testing.T) {
	dir := safeDir(t)
	must(t, os.Mkdir(dir+"/d", 0o755))
	must(t, syscall.Mkfifo(dir+"/fifo", 0o600))
	for _, name := range []string{"d", "fifo", "none"} {
		if l, err := tryFile(t.Context(), at(t, dir+"/"+name)); l != nil || err != nil {
			t.Errorf("%s: %v, %v", name, l, err)
		}
	}
	write(t, dir+"/file", "")
	p := at(t, dir+"/link")
	must(t, os.Symlink("file", dir+"/link"))
	if ok, err := fileLock(p).TryLock(); ok || err == nil {
		t.Error("locked through a link:", err)
	}
	if fd, err := openLock(t.Context(), p, "link"); !unsafe(err) {
		t.Error("a lock file behind a link:", fd, err)
	}
	if _, err := openLock(t.Context(), p, "fifo"); !unsafe(err) {
		t.Error("a FIFO for a lock file:", err)
	}
	if err := PeekLock(dir + "/fifo"); err == nil {
		t.Error("a look at a FIFO is content")
	}
}

// In a directory that was removed there is nothing to wait for.
func TestLockInARemovedDirectory(t *testing.T) {
	dir := safeDir(t) + "/gone"
	must(t, os.Mkdir(dir, 0o755))
	p := at(t, dir+"/web.pid")
	must(t, os.Remove(dir))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := openLock(ctx, p, "l"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// A lock file that cannot be opened is waited for while it may be in use, and is in the way of nobody after that.
func TestLockFileOfAnother(t *testing.T) {
	needRoot(t)
	dir := openDir(t)
	must(t, os.Mkdir(dir+"/his", 0o755))
	must(t, os.Chown(dir+"/his", stranger, stranger))
	p := at(t, dir+"/his/web.pid")
	name := dir + "/his/l"
	must(t, os.WriteFile(name, nil, 0o600))
	asThread(t, stranger, func() {
		if fd, err := openLock(soon(t), p, "l"); !errors.Is(err, ErrBusy) || !exists(name) {
			t.Errorf("a fresh one: %d, %v, is there: %v", fd, err, exists(name))
		}
	})
	written(t, name, time.Now().Add(-2*sweepAge))
	asThread(t, stranger, func() {
		fd, err := openLock(t.Context(), p, "l")
		if err != nil || fd < 0 {
			t.Errorf("an old one: %d, %v", fd, err)
		}
		unix.Close(fd)
	})
}

// A lock that comes when nobody waits for it any more is given back.
func TestLateLock(t *testing.T) {
	path := safeDir(t) + "/l"
	write(t, path, "")
	p := at(t, path)
	first, late := fileLock(p), fileLock(p)
	if ok, err := first.TryLock(); !ok {
		t.Fatal(err)
	}
	if err := acquire(soon(t), late); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	var st unix.Stat_t
	must(t, unix.Stat(path, &st))
	eventually(t, "it waits", func() bool { return waitsFor(t, &st) })
	_ = first.Unlock()
	eventually(t, "it has come", func() bool { return !waitsFor(t, &st) })
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		third := fileLock(p)
		if ok, _ := third.TryLock(); ok {
			_ = third.Unlock()
			break
		}
		if time.Now().After(end) {
			t.Fatal("it is kept")
		}
	}
	runtime.KeepAlive(late)
}

// Locked acts under the locks, and only on the file that was read.
func TestLocked(t *testing.T) {
	path := safeDir(t) + "/web.pid"
	write(t, path, dead)
	h := read1(t, path, Rules{})
	must(t, Locked(t.Context(), h, func() error {
		if _, err := lockBeside(soon(t), h.place); !errors.Is(err, ErrBusy) {
			t.Error("it is not locked:", err)
		}
		return nil
	}))
	write(t, path, "1\n")
	if err := Locked(t.Context(), h, func() error { t.Error("it acts"); return nil }); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
}

// Who cannot be given the lock file has an entry of its ACL, and who may only read the directory has none.
func TestSharedACL(t *testing.T) {
	has := func(list []aclEntry, e aclEntry) bool {
		for _, is := range list {
			if is == e {
				return true
			}
		}
		return false
	}
	dir := unix.Stat_t{Uid: stranger, Mode: unix.S_IFDIR | 0o775}
	list := []aclEntry{{aclOwningGroup, 5, aclNobody}, {aclGroup, 5, 7}, {aclGroup, 7, 8}, {aclUser, 5, 9}}
	list = sharedACL(list, &dir, false)
	if !has(list, aclEntry{aclUser, 6, stranger}) || !has(list, aclEntry{aclOwningGroup, 0, aclNobody}) ||
		!has(list, aclEntry{aclGroup, 6, 8}) || has(list, aclEntry{aclGroup, 6, 7}) || has(list, aclEntry{aclUser, 6, 9}) {
		t.Errorf("%v", list)
	}
	list = sharedACL(nil, &dir, true)
	if has(list, aclEntry{aclUser, 6, stranger}) || !has(list, aclEntry{aclOwningGroup, 6, aclNobody}) {
		t.Errorf("given: %v", list)
	}
}

// The lock of a stranger's process counts only if he owns the file, is trusted, or is the one that the file names.
func TestMustHonour(t *testing.T) {
	needRoot(t)
	recording(t) // and so whose processes are
	dir := openDir(t)
	path := dir + "/web.pid"
	write(t, path, dead)
	h := read1(t, path, Rules{})
	if !mustHonour(h) {
		t.Error("nobody who is seen to hold it: ignored")
	}
	var st unix.Stat_t
	must(t, unix.Stat(path, &st))
	f := must1(os.Open(path))(t)
	if by := heldBy(&st); by != 0 {
		t.Errorf("open, but not locked: held by %d", by)
	}
	f.Close()
	cmd := lockedElsewhere(t, path, stranger, "-x")
	if mustHonour(h) {
		t.Error("a stranger's: honoured")
	}
	h.rules.Trust = []int{stranger}
	if !mustHonour(h) {
		t.Error("a trusted user's: ignored")
	}
	h.rules.Trust = nil
	h.PID = cmd.Process.Pid
	if !mustHonour(h) {
		t.Error("that of the process named: ignored")
	}
	h.PID = 1
	must(t, os.Chown(path, stranger, -1))
	if !mustHonour(h) {
		t.Error("the owner's: ignored")
	}
	must(t, os.Remove(path))
	if !mustHonour(h) {
		t.Error("of a file that is gone: ignored")
	}
}

// A set-user-ID program acts for its caller.
func TestHolderIsTheRealUser(t *testing.T) {
	needRoot(t)
	path := safeDir(t) + "/web.pid"
	write(t, path, dead)
	f := must1(os.Open(path))(t)
	must(t, unix.Flock(int(f.Fd()), unix.LOCK_EX))
	cmd := exec.Command("setpriv", fmt.Sprint("--ruid=", stranger), "cat")
	cmd.ExtraFiles = []*os.File{f}
	in := must1(cmd.StdinPipe())(t)
	out := must1(cmd.StdoutPipe())(t)
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	defer func() { in.Close(); _ = cmd.Wait() }()
	_, _ = in.Write([]byte("\n"))
	if n, err := out.Read(make([]byte, 1)); n != 1 {
		t.Skip("setpriv: ", err)
	}
	f.Close()
	if mustHonour(read1(t, path, Rules{})) {
		t.Error("honoured as root's")
	}
}

// Below a directory of a stranger's no lock is taken that he could not have taken.
func TestHoldLockElsewhere(t *testing.T) {
	needRoot(t)
	dir := safeDir(t)
	must(t, os.MkdirAll(dir+"/his/priv", 0o700))
	must(t, os.Chown(dir+"/his", stranger, stranger))
	path := dir + "/his/priv/l.lock"
	for _, there := range []bool{false, true} {
		if there {
			write(t, path, "")
		}
		if f, err := HoldLock(path); !unsafe(err) || exists(path) != there {
			t.Errorf("there %v: %v, %v", there, f, err)
		}
		if err := PeekLock(path); !unsafe(err) {
			t.Errorf("there %v: a look: %v", there, err)
		}
	}
}

// The courtesy lock of a claim that writes in place is not in its own way.
func TestLockFileInPlace(t *testing.T) {
	path := safeDir(t) + "/web.pid"
	write(t, path, dead)
	r := must1(Reserve(t.Context(), path, Rules{}, 0, 0))(t)
	defer r.Close()
	r.inPlace = true
	must(t, r.Write(sleeper(t)))
	must1(r.LockFile())(t).Close()
}

// In a sticky directory a stranger's lock file that cannot be removed is in nobody's way.
func TestLockFileInASticky(t *testing.T) {
	needRoot(t)
	dir := openDir(t)
	must(t, os.Mkdir(dir+"/tmp", 0o755))
	must(t, os.Chmod(dir+"/tmp", 0o777|os.ModeSticky))
	p := must1(resolve.Walk(dir+"/tmp/web.pid", resolve.Policy{}))(t)
	defer p.Close()
	must(t, os.WriteFile(dir+"/tmp/l", nil, 0o600))
	written(t, dir+"/tmp/l", time.Now().Add(-2*sweepAge))
	asThread(t, stranger, func() {
		if fd, err := openLock(t.Context(), p, "l"); fd >= 0 || err != nil {
			t.Errorf("%d, %v", fd, err)
		}
	})
}
