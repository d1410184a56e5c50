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
	if h := read1(t, dir+"/b.pid", Rules{}); h.State != Running || h.Proof == Bound || !strings.HasSuffix(h.Why, "but for another pidfile") {
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
	for n := uint64(3); worked < 3; n++ {
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
	if failed == 0 {
		t.Error("there were enough")
	}
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
