package pidfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
	"pidbox/testscripts/lab"
)

// forge changes the record of a pidfile.
func forge(t *testing.T, path string, change func(*proc.Identity)) {
	t.Helper()
	fd, err := unix.Open(path, unix.O_RDWR, 0)
	must(t, err)
	defer unix.Close(fd)
	id, err := proc.ParseIdentity(record(fd))
	must(t, err)
	change(&id)
	recorded, err := setRecord(fd, id.String())
	if err != nil || !recorded {
		t.Fatalf("no record: %v", err)
	}
}

func TestRecords(t *testing.T) {
	recording(t)
	path := safeDir(t) + "/web.pid"
	p := open(t, lab.Sleeper(t))
	for name, c := range map[string]struct {
		change func(*proc.Identity)
		want   State
		why    string
	}{
		"own":       {func(*proc.Identity) {}, Running, "is the one that was claimed"},
		"boot":      {func(id *proc.Identity) { id.Boot = "00000000-0000-4000-8000-000000000000" }, Stale, "before the last boot"},
		"namespace": {func(id *proc.Identity) { id.Namespace++ }, Foreign, "in another PID namespace"},
		"reuse":     {func(id *proc.Identity) { id.Inode++; id.Start += 5 }, Stale, "the number is in use again"},
		"number":    {func(id *proc.Identity) { id.PID++ }, Running, "has no record"},
	} {
		os.Remove(path)
		must(t, claim(path, p))
		forge(t, path, c.change)
		h, err := Read(path, Rules{})
		must(t, err)
		if h.State != c.want || !strings.Contains(h.Why, c.why) || (h.Process != nil) != (c.want == Running) {
			t.Errorf("%s: %v, %q", name, h.State, h.Why)
		}
		h.Close()
		if c.want != Running {
			must(t, claim(path, open(t, lab.Sleeper(t))))
		}
	}
}

func TestEnded(t *testing.T) {
	path := safeDir(t) + "/web.pid"
	p := lab.Sleeper(t)
	must(t, claim(path, open(t, p)))
	p.Kill()
	if got := state(t, path, Rules{}); got != Stale {
		t.Errorf("a claimed process that ended is %v", got)
	}
	recording(t) // without /proc a zombie and a thread look alive
	must(t, os.WriteFile(path, fmt.Appendln(nil, lab.Zombie(t).PID), 0o644))
	if got := state(t, path, Rules{}); got != Stale {
		t.Errorf("a zombie is %v", got)
	}
	must(t, os.WriteFile(path, fmt.Appendln(nil, lab.ThreadID(t)), 0o644))
	if got := state(t, path, Rules{}); got != Stale {
		t.Errorf("a thread is %v", got)
	}
}

func TestUnrecorded(t *testing.T) {
	path := safeDir(t) + "/web.pid"
	p := open(t, lab.Sleeper(t))
	write := func(pid int) { must(t, os.WriteFile(path, fmt.Appendln(nil, pid), 0o644)) }
	write(p.PID())
	if got := state(t, path, Rules{}); got != Running {
		t.Errorf("a live process is %v", got)
	}
	write(1)
	for _, c := range []struct{ rule, want State }{{0, Doubtful}, {Doubtful, Doubtful}, {Running, Doubtful}, {Stale, Stale}} {
		if got := state(t, path, Rules{Unrecorded: c.rule}); got != c.want {
			t.Errorf("process 1 under %v is %v", c.rule, got)
		}
	}
	recording(t)
	write(p.PID())
	if got := state(t, path, Rules{Match: proc.Conditions{Name: "no-such"}}); got != Stale {
		t.Errorf("a process that is not the one is %v", got)
	}
	must(t, os.Chtimes(path, time.Time{}, time.Date(2001, 1, 1, 12, 0, 0, 0, time.Local)))
	for _, c := range []struct{ rule, want State }{{0, Doubtful}, {Running, Running}, {Stale, Stale}} {
		h, err := Read(path, Rules{Unrecorded: c.rule})
		must(t, err)
		if h.State != c.want || !strings.Contains(h.Why, "2001-01-01 12:00:00") {
			t.Errorf("a younger process under %v is %v: %s", c.rule, h.State, h.Why)
		}
		h.Close()
	}
	var doubt *DoubtError
	if err := claim(path, open(t, lab.Sleeper(t))); !errors.As(err, &doubt) {
		t.Errorf("a claim over a doubtful file: %v", err)
	}
	doubt.Holder.Close()
	must(t, claim(path, p)) // its own number is nobody else's
}

func TestGarbage(t *testing.T) {
	path := safeDir(t) + "/web.pid"
	must(t, os.WriteFile(path, []byte("12abc\n"), 0o644))
	var garbage *GarbageError
	if h, err := Read(path, Rules{}); !errors.As(err, &garbage) || err.Error() != path+`: "12abc" is not a process id` {
		t.Errorf("%v, %v", h, err)
	}
}

func TestOwners(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	recording(t)
	dir := safeDir(t)
	path := dir + "/web.pid"
	const stranger = 54321
	p := open(t, lab.Sleeper(t))
	must(t, os.WriteFile(path, fmt.Appendln(nil, p.PID()), 0o644))
	must(t, os.Chown(path, stranger, -1))
	var u *UnsafeError
	if _, err := Read(path, Rules{}); !errors.As(err, &u) || u.Hint != "chown root "+path || err.Error() != path+": is owned by user 54321" {
		t.Errorf("%v", err)
	}
	for _, rules := range []Rules{{AllowInsecure: true}, {Trust: []int{stranger}}} {
		if got := state(t, path, rules); got != Running {
			t.Errorf("under %+v it is %v", rules, got)
		}
	}
	must(t, os.WriteFile(path, []byte("2147483647\n"), 0o644))
	if got := state(t, path, Rules{}); got != Stale { // nobody is signalled for it
		t.Errorf("it is %v", got)
	}
	must(t, os.WriteFile(path, fmt.Appendln(nil, p.PID()), 0o644))
	must(t, os.Chown(path, 0, 0))
	must(t, os.Chown(dir, stranger, 0))
	if _, err := Read(path, Rules{}); !errors.As(err, &u) || u.Path != dir {
		t.Errorf("in the stranger's directory: %v", err)
	}
	if err := claim(dir+"/new/web.pid", p); !errors.As(err, &u) || u.Path != dir {
		t.Errorf("a claim in the stranger's directory: %v", err)
	}
	if _, err := os.Stat(dir + "/new"); err == nil {
		t.Error("a directory was made in the stranger's")
	}
	r, err := Claim(context.Background(), dir+"/new/web.pid", p, Rules{}.Trusting(stranger), 0, 0)
	must(t, err)
	r.Close()
	must(t, os.Chown(dir, 0, stranger))
	must(t, os.Chmod(dir, 0o775))
	if _, err := Read(path, Rules{}); !errors.As(err, &u) || u.Hint != "chmod g-w "+dir {
		t.Errorf("in a group's directory: %v", err)
	}
	must(t, os.Remove(path))
	must(t, claim(path, p)) // a record is proof enough
	if got := state(t, path, Rules{}); got != Running {
		t.Errorf("it is %v", got)
	}
	must(t, os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o644)) // and that of another is none
	if _, err := Read(path, Rules{}); !errors.As(err, &u) {
		t.Errorf("in a group's directory, overwritten: %v", err)
	}
	must(t, os.Chown(dir, 0, 0)) // root's group
	if got := state(t, path, Rules{}); got != Running {
		t.Errorf("it is %v", got)
	}
}

func TestRelease(t *testing.T) {
	dir := safeDir(t)
	path := dir + "/web.pid"
	ctx := context.Background()
	write := func(text string) { must(t, os.WriteFile(path, []byte(text), 0o644)) }
	read := func() *Holder {
		h, err := Read(path, Rules{})
		must(t, err)
		t.Cleanup(h.Close)
		return h
	}
	must(t, Release(ctx, read())) // there is none
	write("2147483647\n")
	must(t, Release(ctx, read()))
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("it is still there")
	}
	write("2147483647\n")
	gone := read()
	must(t, os.Remove(path))
	must(t, Release(ctx, gone))
	for name, change := range map[string]func(){
		"content": func() { write("2147483646\n") },
		"file":    func() { must(t, os.Remove(path)); write("2147483647\n") },
		"claim":   func() { must(t, claim(path, open(t, lab.Sleeper(t)))) },
		"link":    func() { must(t, os.Rename(path, dir+"/old")); must(t, os.Symlink("old", path)) },
	} {
		os.Remove(path)
		write("2147483647\n")
		must(t, os.Chtimes(path, time.Time{}, time.Now().Add(-time.Hour)))
		h := read()
		change()
		if err := Release(ctx, h); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMembers(t *testing.T) {
	if _, got := members(0); got != nil {
		t.Errorf("root's group adds %v", got)
	}
	if name, got := members(54321); name != "54321" || len(got) != 1 || got[0] != nobodyKnown {
		t.Errorf("an unknown group is %s, %v", name, got)
	}
}
