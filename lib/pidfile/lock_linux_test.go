package pidfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/resolve"
	"pidbox/testscripts/lab"
)

// lockedElsewhere runs a process of that user that holds an flock of the file, shared or not, until the end of the test.
func lockedElsewhere(t *testing.T, path string, uid uint32, how string) *exec.Cmd {
	t.Helper()
	if _, err := exec.LookPath("flock"); err != nil {
		t.Skip(err)
	}
	f := must1(os.Open(path))(t)
	defer f.Close()
	cmd := exec.Command("/bin/sh", "-c", "flock -n "+how+" 3 || exit 1; echo locked; read x", "flock")
	cmd.ExtraFiles = []*os.File{f}
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	in := must1(cmd.StdinPipe())(t)
	out := must1(cmd.StdoutPipe())(t)
	must(t, cmd.Start())
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	buf := make([]byte, 7)
	if n, err := out.Read(buf); string(buf[:n]) != "locked\n" {
		t.Fatalf("flock(1): %q, %v", buf[:n], err)
	}
	return cmd
}

// waitsFor says that somebody waits for an flock of the file.
func waitsFor(t *testing.T, st *unix.Stat_t) bool {
	text, err := os.ReadFile("/proc/locks")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "->") && strings.Contains(line, fmt.Sprintf(":%d ", st.Ino)) {
			return true
		}
	}
	return false
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: ", what)
		}
	}
}

func at(t *testing.T, path string) *resolve.Place {
	t.Helper()
	p := must1(resolve.Walk(path, resolve.Policy{}))(t)
	t.Cleanup(p.Close)
	return p
}

func TestLocks(t *testing.T) {
	dir := safeDir(t)
	path := dir + "/web.pid"
	p := sleeper(t)
	write(t, path, "")
	lock := must1(HoldLock(path))(t)
	if again, err := HoldLock(path); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), fmt.Sprint("by process ", os.Getpid())) {
		t.Errorf("%v, %v", again, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := Claim(ctx, path, p, Rules{}, 0, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	done := make(chan error)
	go func() { done <- claim(path, p) }()
	lock.Close()
	must(t, <-done)

	// A claimed file that is locked for life is held, and the lock is in nobody's way once it is given up.
	r := must1(Reserve(context.Background(), dir+"/own.pid", Rules{}, 0, 0))(t)
	must(t, r.Write(p))
	lock = must1(r.LockFile())(t)
	r.Close()
	var held *HeldError
	if err := claim(dir+"/own.pid", sleeper(t)); !errors.As(err, &held) {
		t.Errorf("%v", err)
	}
	must(t, lock.Close())
	must(t, Release(context.Background(), held.Holder))
	held.Holder.Close()
	if _, err := HoldLock(dir); err == nil {
		t.Error("a directory was locked as a file")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestHoldLockMode(t *testing.T) {
	path := safeDir(t) + "/l.lock"
	must(t, PeekLock(path))
	if exists(path) {
		t.Error("a look made it")
	}
	must1(HoldLock(path))(t).Close()
	if info := must1(os.Stat(path))(t); info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	must(t, PeekLock(path))
	must(t, os.Remove(path))
	must(t, os.Symlink("elsewhere", path))
	if f, err := HoldLock(path); err == nil || exists(path+"/../elsewhere") {
		t.Errorf("through a link: %v", f)
	}
	if err := PeekLock(path); err == nil {
		t.Error("through a link: a look is content")
	}
}

// To hold up a claim it takes more than the right to read the directory, the pidfile or the lock file.
func TestStrangersLocks(t *testing.T) {
	needRoot(t)
	recording(t) // and so whose processes are
	dir := openDir(t)
	path := dir + "/web.pid"
	p := lab.Sleeper(t)
	h := open(t, p)
	for _, how := range []string{"-s", "-x"} {
		t.Run(how, func(t *testing.T) { // whose holders end with it
			must(t, claim(path, h))
			lockedElsewhere(t, path, stranger, how)
			lockedElsewhere(t, dir, stranger, how)
			began := time.Now()
			must(t, Release(t.Context(), read1(t, path, Rules{})))
			write(t, path, dead)
			lockedElsewhere(t, path, stranger, how)
			must(t, claim(path, sleeper(t)))
			must(t, os.Remove(path))
			if took := time.Since(began); took >= lockWait {
				t.Errorf("it took %v", took)
			}
		})
	}
	// Others are waited for, and named.
	write(t, path, dead)
	cmd := lockedElsewhere(t, path, 0, "-x")
	ctx, cancel := context.WithTimeoutCause(context.Background(), 50*time.Millisecond, ErrBusy)
	defer cancel()
	if _, err := Claim(ctx, path, h, Rules{}, 0, 0); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	if _, err := HoldLock(path); err == nil || !strings.HasSuffix(err.Error(), fmt.Sprint("locked by process ", cmd.Process.Pid)) {
		t.Errorf("%v", err)
	}
}

// The one who once took a lock may have exited: who has the file open is named, or nobody.
func TestHeldByHeir(t *testing.T) {
	path := safeDir(t) + "/l"
	write(t, path, "")
	f := must1(os.Open(path))(t)
	heir := exec.Command("/bin/sh", "-c", "flock -n -x 3 || exit 1; echo locked; read x")
	heir.ExtraFiles = []*os.File{f}
	in := must1(heir.StdinPipe())(t)
	out := must1(heir.StdoutPipe())(t)
	must(t, heir.Start())
	f.Close()
	defer func() { in.Close(); _ = heir.Wait() }()
	if n, err := out.Read(make([]byte, 7)); n != 7 {
		t.Skip("flock(1): ", err)
	}
	var st unix.Stat_t
	must(t, unix.Stat(path, &st))
	if taker := lockedBy(&st); taker == heir.Process.Pid {
		t.Skip("the shell took it itself")
	}
	if by := heldBy(&st); by != heir.Process.Pid {
		t.Errorf("held by %d, not %d", by, heir.Process.Pid)
	}
}

// Who can change the directory can open the lock file, and nobody else.
func TestLockFileIsShared(t *testing.T) {
	needRoot(t)
	for name, c := range map[string]struct {
		uid, gid int
		mode     os.FileMode
		want     uint32
	}{
		"own":    {0, 0, 0o755, 0o600},
		"his":    {stranger, stranger, 0o755, 0o600},
		"group":  {0, stranger, 0o775, 0o660},
		"sticky": {0, 0, 0o777 | os.ModeSticky, 0o600},
		"shared": {0, stranger, 0o775 | os.ModeSticky, 0o600},
	} {
		dir := safeDir(t)
		must(t, os.Chown(dir, c.uid, c.gid))
		must(t, os.Chmod(dir, c.mode))
		l := must1(lockBeside(t.Context(), at(t, dir+"/web.pid")))(t)
		var st unix.Stat_t
		must(t, unix.Stat(dir+"/.web.pid.lock", &st))
		if int(st.Uid) != c.uid || c.want&0o020 != 0 && int(st.Gid) != c.gid || uint32(st.Mode)&0o777 != c.want {
			t.Errorf("%s: %d:%d, mode %o", name, st.Uid, st.Gid, st.Mode)
		}
		_ = l.Unlock()
	}
	dir := safeDir(t)
	if err := exec.Command("setfacl", "-m", fmt.Sprintf("u:%d:rwx,u:%d:r-x", stranger, stranger+1), dir).Run(); err != nil {
		t.Skip("setfacl: ", err)
	}
	l := must1(lockBeside(t.Context(), at(t, dir+"/web.pid")))(t)
	defer l.Unlock()
	text := string(must1(exec.Command("getfacl", "-cn", dir+"/.web.pid.lock").Output())(t))
	if !strings.Contains(text, fmt.Sprintf("user:%d:rw-", stranger)) || strings.Contains(text, fmt.Sprint(stranger+1)) ||
		!strings.Contains(text, "other::---") || !strings.Contains(text, "group::---") {
		t.Errorf("its ACL is %s", text)
	}
}

func TestLockName(t *testing.T) {
	long := strings.Repeat("x", 250)
	for _, name := range []string{"web.pid", strings.Repeat("x", 249), long, long + "y", long + "z"} {
		if got := lockName(name); len(got) > 255 || !strings.HasSuffix(got, ".lock") || got[0] != '.' {
			t.Errorf("%s: %s", name, got)
		}
	}
	if lockName(long+"y") == lockName(long+"z") {
		t.Error("two names share a lock")
	}
}

// A lock on a lock file that was removed meanwhile is none.
func TestLockFileIsTheOneThere(t *testing.T) {
	dir := safeDir(t)
	p := at(t, dir+"/web.pid")
	name := dir + "/" + lockName("web.pid")
	first := must1(lockBeside(t.Context(), p))(t)
	var old, now unix.Stat_t
	must(t, unix.Stat(name, &old))
	got := make(chan error, 1)
	go func() {
		l, err := lockBeside(context.Background(), p)
		if err == nil {
			defer l.Unlock()
			if !l.there(p) {
				err = errors.New("it has locked a file that is gone")
			}
		}
		got <- err
	}()
	eventually(t, "it waits", func() bool { return waitsFor(t, &old) })
	must(t, os.Remove(name))
	second := must1(lockBeside(t.Context(), p))(t)
	must(t, unix.Stat(name, &now))
	_ = first.Unlock()
	eventually(t, "it waits for the other", func() bool {
		select {
		case err := <-got:
			t.Fatal("it did not wait: ", err)
		default:
		}
		return waitsFor(t, &now)
	})
	if open := deleted(dir); len(open) > 0 {
		t.Error("it keeps", open)
	}
	_ = second.Unlock()
	must(t, <-got)
}

// A program that locks the pidfile alone, and replaces it under that lock, never shares it with a claim.
func TestPidfileLockIsOfTheOneThere(t *testing.T) {
	dir := safeDir(t)
	path := dir + "/web.pid"
	p := at(t, path)
	write(t, path, dead)
	over := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			default:
			}
			f, err := os.Open(path)
			if err != nil {
				continue
			}
			if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
				var mine, there unix.Stat_t
				if unix.Fstat(int(f.Fd()), &mine) == nil && unix.Stat(path, &there) == nil && mine.Ino == there.Ino {
					_ = os.WriteFile(path+".new", []byte(dead), 0o644)
					_ = os.Rename(path+".new", path)
				}
			}
			f.Close()
		}
	}()
	for range 5000 {
		l, err := tryFile(t.Context(), p)
		if errors.Is(err, errTaken) {
			continue
		}
		must(t, err)
		if st, ok := statOf(p, p.Name); !ok || !locked(l, st) {
			t.Error("it has locked a file that is gone")
			break
		}
		_ = l.Unlock()
	}
	close(over)
	<-done
	if open := deleted(dir); len(open) > 0 {
		t.Errorf("%d kept, as %s", len(open), open[0])
	}
}

// What a program that locks the pidfile alone has written last is what counts.
func TestLastJudgement(t *testing.T) {
	recording(t)
	path := safeDir(t) + "/web.pid"
	live, p := sleeper(t), sleeper(t)
	write(t, path, dead)
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			default:
			}
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				continue
			}
			if unix.Flock(int(f.Fd()), unix.LOCK_EX) == nil {
				text := string(format(live.PID()))
				if i%2 == 0 {
					text = dead
				}
				_, _ = f.WriteAt([]byte(text), 0)
				_ = f.Truncate(int64(len(text)))
			}
			f.Close()
		}
	}()
	for range 3000 {
		r, err := attempt(t.Context(), path, Rules{}, 0, p)
		var held *HeldError
		if errors.As(err, &held) {
			held.Holder.Close()
			if exists(filepath.Dir(path) + "/.web.pid.lock") {
				t.Fatal("a refused claim keeps its lock") // the writer waits for that as well
			}
			continue
		}
		must(t, err)
		if got := content(t, path); got != dead {
			t.Errorf("reserved over %q", got)
			r.Close()
			break
		}
		r.Close()
	}
	close(over)
	<-done
}

// What is put in the place of a lock file between the look and the open is not locked.
func TestHoldsRegularFilesOnly(t *testing.T) {
	path := safeDir(t) + "/lock"
	must(t, unix.Mkfifo(path, 0o600))
	f := must1(os.OpenFile(path, os.O_RDWR, 0))(t)
	defer f.Close()
	if err := holdRegular(f, path); err == nil {
		t.Error("a FIFO is locked")
	}
	must(t, hold(f, path)) // nothing else kept it from that
}

// A claim that waits for a program that keeps its file locked is in the way of no other claim in that directory, nor of
// that name.
func TestWaitsWithoutTheOtherLock(t *testing.T) {
	dir := safeDir(t)
	path := dir + "/web.pid"
	p := sleeper(t)
	write(t, path, "")
	var st unix.Stat_t
	must(t, unix.Stat(path, &st))
	lock := must1(HoldLock(path))(t)
	defer lock.Close()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		r, err := Claim(ctx, path, p, Rules{}, 0, 0)
		if err == nil {
			r.Close()
		}
		done <- err
	}()
	eventually(t, "it waits", func() bool { return waitsFor(t, &st) })
	if exists(dir + "/" + lockName("web.pid")) {
		t.Error("it holds the other lock")
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) && !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
}

// What a claim that was killed has left is taken over, also where it is another user's and cannot be opened.
func TestLockFileLeftBehind(t *testing.T) {
	dir := safeDir(t)
	name := dir + "/" + lockName("web.pid")
	write(t, name, "")
	must(t, claim(dir+"/web.pid", sleeper(t)))
	if exists(name) {
		t.Error("it is still there")
	}
	must(t, syscall.Mkfifo(name, 0o600))
	if err := claim(dir+"/other/../web.pid", sleeper(t)); err == nil {
		t.Error("a FIFO was locked")
	}
}

// A clock that was set back makes no file young for ever.
func TestIsOld(t *testing.T) {
	dir := safeDir(t)
	p := at(t, dir+"/f")
	write(t, dir+"/f", "")
	for ago, want := range map[time.Duration]bool{0: false, sweepAge / 2: false, -sweepAge / 2: false, 2 * sweepAge: true, -2 * sweepAge: true} {
		written(t, dir+"/f", time.Now().Add(-ago))
		if isOld(p.Fd(), "f", sweepAge) != want {
			t.Errorf("%v ago: not %v", ago, want)
		}
	}
}

// In a directory where any user can make files nobody keeps others from a name by a lock file of his.
func TestLockFileOfASquatter(t *testing.T) {
	needRoot(t)
	dir := safeDir(t)
	must(t, os.Chmod(dir, 0o777|os.ModeSticky))
	path, name := dir+"/web.pid", dir+"/"+lockName("web.pid")
	secret := safeDir(t) + "/secret"
	write(t, secret, "x")
	for what, squat := range map[string]func(){
		"a lock held": func() {
			write(t, name, "")
			must(t, os.Chmod(name, 0o666))
			lockedElsewhere(t, name, stranger, "-x")
		},
		"a file":         func() { write(t, name, "") },
		"a FIFO":         func() { must(t, syscall.Mkfifo(name, 0o600)) },
		"a link":         func() { must(t, os.Symlink("/dev/null", name)) },
		"a directory":    func() { must(t, os.Mkdir(name, 0o755)) },
		"a full one":     func() { must(t, os.MkdirAll(name+"/x", 0o755)) },
		"root's by link": func() { must(t, os.Link(secret, name)); lockedElsewhere(t, name, 0, "-x") },
	} {
		os.RemoveAll(name)
		squat()
		if what != "root's by link" {
			must(t, os.Lchown(name, stranger, stranger))
		}
		began := time.Now()
		p := sleeper(t)
		if err := claim(path, p); err != nil {
			t.Errorf("%s: %v", what, err)
		} else if err := Release(t.Context(), read1(t, path, Rules{AllowInsecure: true})); err != nil {
			t.Errorf("%s: a release: %v", what, err)
		}
		if took := time.Since(began); took >= lockWait {
			t.Errorf("%s: it took %v", what, took)
		}
	}
	os.RemoveAll(name)
	write(t, name, "") // root's own
	cmd := lockedElsewhere(t, name, 0, "-x")
	ctx, cancel := context.WithTimeoutCause(context.Background(), 50*time.Millisecond, ErrBusy)
	defer cancel()
	if _, err := Claim(ctx, path, sleeper(t), Rules{}, 0, 0); !errors.Is(err, ErrBusy) {
		t.Errorf("locked by process %d: %v", cmd.Process.Pid, err)
	}
}
