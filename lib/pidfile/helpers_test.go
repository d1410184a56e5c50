package pidfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
	"pidbox/lib/resolve"
	"pidbox/testscripts/lab"
)

// stranger is a user that no process of the tests runs as, and no file lists.
const stranger = 54321

// patience is how long a test waits for what must come: long, for a loaded machine.
const patience = time.Minute

// safeDir is a directory that nobody but the caller can write to, all the way up.
func safeDir(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must1[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T { t.Helper(); must(t, err); return v }
}

// needRoot skips for who is not root, and for the root of a user namespace in which there are no other users.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	path := safeDir(t) + "/his"
	must(t, os.WriteFile(path, nil, 0o644))
	if err := os.Chown(path, stranger, stranger); errors.Is(err, unix.EINVAL) {
		t.Skip("needs other users: ", err)
	}
}

func unsafe(err error) bool {
	var u *resolve.Unsafe
	return errors.As(err, &u)
}

// hint is that of an *Unsafe.
func hint(err error) string {
	var u *resolve.Unsafe
	if errors.As(err, &u) {
		return u.Hint
	}
	return ""
}

// open is the handle of a child of the test.
func open(t testing.TB, p *lab.Process) *proc.Handle {
	t.Helper()
	h, err := proc.Open(p.PID)
	must(t, err)
	t.Cleanup(func() { h.Close() })
	return h
}

func sleeper(t testing.TB) *proc.Handle {
	t.Helper()
	return open(t, lab.Sleeper(t))
}

// claim claims path for p at once and closes the reservation.
func claim(path string, p *proc.Handle) error { return claimBy(path, p, Rules{}) }

func claimBy(path string, p *proc.Handle, rules Rules) error {
	r, err := Claim(context.Background(), path, p, rules, 0, 0)
	if err == nil {
		r.Close()
	}
	return err
}

// recording skips the test where processes have no identity that could be recorded.
func recording(t testing.TB) {
	t.Helper()
	self, err := proc.Self()
	must(t, err)
	defer self.Close()
	id, err := self.Identity()
	must(t, err)
	if id.Compare(id) != proc.Same {
		t.Skip("processes have no identity here")
	}
}

// unbind removes what a claim wrote on the process, as if it had been made without privilege.
func unbind(p *proc.Handle) { _ = p.Bind("") }

func content(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return string(text)
}

func write(t testing.TB, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// read1 reads the file for the time of the test.
func read1(t testing.TB, path string, rules Rules) *Holder {
	t.Helper()
	h, err := Read(path, rules)
	must(t, err)
	t.Cleanup(h.Close)
	return h
}

// state reads the file and closes what it found.
func state(t testing.TB, path string, rules Rules) State {
	t.Helper()
	h, err := Read(path, rules)
	must(t, err)
	h.Close()
	return h.State
}

// written sets the file's time of change.
func written(t testing.TB, path string, at time.Time) {
	t.Helper()
	must(t, os.Chtimes(path, time.Time{}, at))
}

// rewriteRecord replaces the record in the attribute, as its owner can.
func rewriteRecord(t testing.TB, path string, change func(*record)) {
	t.Helper()
	fd, err := unix.Open(path, unix.O_RDWR, 0)
	must(t, err)
	defer unix.Close(fd)
	r, err := proc.ParseRecord(claimed.Read(fd))
	must(t, err)
	change(&r)
	recorded, err := claimed.Write(fd, r.String())
	if err != nil || !recorded {
		t.Fatalf("no record: %v", err)
	}
}
