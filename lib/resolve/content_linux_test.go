package resolve

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestReadFile(t *testing.T) {
	d := privileged(t)
	dir(t, d+"/web", web1, web1, 0o755)
	makeFile(t, d+"/web/f", web1, web1, 0o644)
	makeFile(t, d+"/own", 0, 0, 0o600)
	makeFile(t, d+"/group", 0, 2004, 0o664)
	try(t, os.Link(d+"/own", d+"/second"), os.Symlink("own", d+"/link"), os.Symlink("own", d+"/web1s"), os.Lchown(d+"/web1s", web1, 0))
	for _, c := range []struct {
		path string
		user int
		want string
	}{
		{"own", 0, "may"},
		{"own", mallory, "may"},
		{"link", 0, "may"},
		{"second", 0, "may"}, // a backup's, in a directory of root's
		{"web1s", web1, "D/web1s: is a symbolic link of web1, which can point anywhere"},
		{"web/f", web1, "may"},
		{"web/f", 0, "D/web: is owned by web1 (mode 0755)"},
		{"web/f", mallory, "D/web: is owned by web1 (mode 0755)"},
		{"group", 0, "D/group: file is writable by group web, which includes web1 (owner root, mode 0664); check its content; only root and the user of its process should be able to change it"},
	} {
		text, err := ReadFile(d+"/"+c.path, 10, c.user, Policy{})
		if got := strings.ReplaceAll(said(err), d, "D"); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s for %d: %s", c.path, c.user, got)
		}
		if err == nil && string(text) != "1\n" {
			t.Errorf("%q", text)
		}
	}
	if text, err := ReadFile(d+"/web1s", 10, 0, Policy{Insecure: true}); err != nil || string(text) != "1\n" {
		t.Error(err)
	}
	if _, err := ReadFile(d+"/own", 1, 0, Policy{}); !errors.Is(err, unix.EFBIG) {
		t.Error(err)
	}
	if _, err := ReadFile(d+"/none/f", 1, 0, Policy{}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "open "+d+"/none/f") {
		t.Error(err)
	}
	dir(t, d+"/sticky", 0, 0, 0o1777)
	try(t, os.Link(d+"/own", d+"/sticky/second")) // as any user can without fs.protected_hardlinks
	if _, err := ReadFile(d+"/sticky/second", 10, 0, Policy{}); !strings.Contains(said(err), "has 3 names (hard links)") {
		t.Error(err)
	}
}

// A pipe is read to its end, whether it has a writer yet or has none any more.
func TestReadPipes(t *testing.T) {
	d := t.TempDir()
	try(t, unix.Mkfifo(d+"/fifo", 0o600))
	go func() {
		time.Sleep(20 * time.Millisecond) // as a rule the reader is first
		_ = os.WriteFile(d+"/fifo", []byte("late"), 0o600)
	}()
	if text, err := ReadFile(d+"/fifo", 10, os.Geteuid(), Policy{}); err != nil || string(text) != "late" {
		t.Errorf("%q, %v", text, err)
	}
	r, w, err := os.Pipe()
	try(t, err)
	defer r.Close()
	_, err = io.WriteString(w, "early")
	try(t, err, w.Close())
	path := "/dev/fd/" + strconv.Itoa(int(r.Fd()))
	if text, err := ReadFile(path, 10, os.Geteuid(), Policy{}); err != nil || string(text) != "early" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestReadSecret(t *testing.T) {
	d := privileged(t)
	dir(t, d+"/web", web1, web1, 0o755)
	makeFile(t, d+"/web/f", 0, 0, 0o600)
	makeFile(t, d+"/own", 0, 0, 0o600)
	makeFile(t, d+"/open", 0, 0, 0o640)
	makeFile(t, d+"/web1s", web1, 0, 0o600)
	try(t, unix.Mkfifo(d+"/fifo", 0o600))
	for path, want := range map[string]string{
		"own":   "may",
		"open":  "D/open: can be read by others (owner root, mode 0640); write a new secret, and chmod 600 D/open",
		"web1s": "D/web1s: is owned by web1, who can read it; write a new secret into a file of your own",
		"web/f": "D/web: is owned by web1 (mode 0755)",
		"fifo":  "D/fifo: is not a regular file",
	} {
		_, err := ReadSecret(d+"/"+path, 10)
		if got := strings.ReplaceAll(said(err), d, "D"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestSockets(t *testing.T) {
	d := privileged(t)
	long := dir(t, d+"/"+strings.Repeat("x", 150), 0, 0, 0o755) + "/s" // longer than sun_path
	old := unix.Umask(0)
	defer unix.Umask(old)
	s, err := mustWalk(t, long, Policy{}).Listen(0o600)
	try(t, err)
	info, err := os.Stat(long)
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Error(info.Mode(), err)
	}
	if _, err := mustWalk(t, long, Policy{}).Listen(0o600); !errors.Is(err, unix.EADDRINUSE) {
		t.Error(err)
	}
	c, err := mustWalk(t, long, Policy{}).Dial(context.Background())
	try(t, err, c.Close())
	try(t, os.Rename(long, d+"/moved"), os.WriteFile(long, nil, 0o600), s.Close())
	if _, err := os.Stat(long); err != nil {
		t.Error("it removed another file:", err)
	}
	if err := mustWalk(t, long, Policy{}).Discard(); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Error(err)
	}
	p := mustWalk(t, d+"/moved", Policy{})
	if _, err := p.Dial(context.Background()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
	for range 2 { // there, and not
		try(t, p.Discard())
	}
	s, err = p.Listen(0o666)
	try(t, err, s.Close())
	if _, err := os.Lstat(d + "/moved"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	// In a directory of web1's a socket may be made that he could make, but no file of root's removed that he could not.
	dir(t, d+"/sticky", 0, 0, 0o1777)
	w := mustWalk(t, d+"/sticky/s", Policy{})
	w.word = append(w.word, Party{UID: web1, Path: d + "/sticky"})
	s, err = w.Listen(0o600)
	try(t, err)
	again := mustWalk(t, d+"/sticky/s", Policy{})
	again.word = w.word
	var unsafe *Unsafe
	if err := again.Discard(); !errors.As(err, &unsafe) {
		t.Error(err)
	}
	s.Close()
	// Nor is one made where he could not.
	w = mustWalk(t, d+"/own", Policy{})
	w.word = Word{{UID: web1, Path: d}}
	if _, err := w.Listen(0o600); !errors.As(err, &unsafe) {
		t.Error(err)
	}
}
