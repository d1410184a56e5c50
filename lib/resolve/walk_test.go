package resolve

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func mustWalk(t *testing.T, path string, p Policy) *Place {
	t.Helper()
	place, err := Walk(path, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(place.Close)
	return place
}

// same fails the test unless the place is in that directory.
func same(t *testing.T, p *Place, dir string) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	if dev, ino := p.DirID(); dev != uint64(st.Dev) || ino != uint64(st.Ino) {
		t.Errorf("%s: led to %s, not to %s", p.Path, p.Dir(), dir)
	}
}

func try(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestWalk(t *testing.T) {
	d, err := filepath.EvalSymlinks(t.TempDir())
	try(t, err)
	try(t, os.MkdirAll(d+"/a/b", 0o755))
	try(t, os.WriteFile(d+"/file", nil, 0o644))
	try(t, os.Symlink("a/b", d+"/rel"))
	try(t, os.Symlink(d+"/a/b", d+"/abs"))
	try(t, os.Symlink("rel/f", d+"/tofile"))
	try(t, os.Symlink("/nonexistent/x", d+"/dangling"))
	try(t, os.Symlink("loop", d+"/loop"))
	t.Chdir(d)
	for _, c := range []struct {
		path, dir, name string
		follow          bool
		err             error
	}{
		{path: d + "/a/b/f", dir: d + "/a/b", name: "f"},
		{path: "a/b/f", dir: d + "/a/b", name: "f"},
		{path: "./a//b/./f", dir: d + "/a/b", name: "f"},
		{path: "f", dir: d, name: "f"},
		{path: "rel/f", dir: d + "/a/b", name: "f"},
		{path: "abs/f", dir: d + "/a/b", name: "f"},
		{path: "rel/../f", dir: d + "/a", name: "f"}, // by the kernel's "..", not by text
		{path: "a/../f", dir: d, name: "f"},
		{path: "../f", dir: filepath.Dir(d), name: "f"},
		{path: "tofile", dir: d + "/a/b", name: "f", follow: true},
		{path: "/../../f", dir: "/", name: "f"},
		{path: strings.Repeat("./", 2047) + "f", dir: d, name: "f"}, // PATH_MAX holds the NUL too
		{path: strings.Repeat("./", 2047) + "ff", err: unix.ENAMETOOLONG},
		{path: "missing/f", err: fs.ErrNotExist},
		{path: "dangling", err: fs.ErrNotExist, follow: true},
		{path: "dangling/f", err: fs.ErrNotExist},
		{path: "file/f", err: unix.ENOTDIR},
		{path: "file/../f", err: unix.ENOTDIR},
		{path: "loop/f", err: unix.ELOOP},
		{path: "", err: fs.ErrNotExist},
		{path: "a\x00/f", err: unix.EINVAL},
		{path: strings.Repeat("a/../", 1000) + "f", err: unix.ENAMETOOLONG},
		{path: "a/" + strings.Repeat("x", 256) + "/f", err: unix.ENAMETOOLONG},
	} {
		p, err := Walk(c.path, Policy{Follow: c.follow})
		if !errors.Is(err, c.err) {
			t.Errorf("%.40q: %v, not %v", c.path, err, c.err)
		}
		if err == nil {
			same(t, p, c.dir)
			if p.Name != c.name {
				t.Errorf("%q: name %q", c.path, p.Name)
			}
			if dir, ok := p.Canonical(); ok && dir != c.dir {
				t.Errorf("%q: %q is not %q", c.path, dir, c.dir)
			}
			p.Close()
		}
	}
	for _, path := range []string{"tofile", "a/", "a/.", "a/b/..", "/"} {
		var unsafe *Unsafe
		if _, err := Walk(path, Policy{}); !errors.As(err, &unsafe) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestLinksInAll(t *testing.T) {
	d := t.TempDir()
	try(t, os.Mkdir(d+"/0", 0o755))
	for i := range 41 {
		try(t, os.Symlink(strconv.Itoa(i), d+"/"+strconv.Itoa(i+1)))
	}
	mustWalk(t, d+"/40/f", Policy{})
	if _, err := Walk(d+"/41/f", Policy{}); !errors.Is(err, unix.ELOOP) {
		t.Error("41 links:", err)
	}
	if _, err := os.Stat(d + "/40/."); err != nil {
		t.Error("the kernel counts otherwise:", err)
	}
}

func TestMake(t *testing.T) {
	d := t.TempDir()
	p := mustWalk(t, d+"/a/b/c/f", Policy{Make: 0o700})
	same(t, p, d+"/a/b/c")
	if info, err := os.Stat(d + "/a"); err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info.Mode(), err)
	}
	if _, err := Walk(d+"/x/y/f", Policy{Make: 0o755, DryRun: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for _, path := range []string{"/z/" + strings.Repeat("y/", 3000) + "f", "/z/" + strings.Repeat("n", 256) + "/f"} {
		if _, err := Walk(d+path, Policy{Make: 0o755}); !errors.Is(err, unix.ENAMETOOLONG) {
			t.Error(err)
		}
	}
	if _, err := Walk(d+"/z/a\x00/f", Policy{Make: 0o755}); !errors.Is(err, unix.EINVAL) {
		t.Error(err)
	}
	for _, made := range []string{"/x", "/z"} {
		if _, err := os.Lstat(d + made); err == nil {
			t.Error(made, "was made")
		}
	}
}

func TestOpenCreates(t *testing.T) {
	d := t.TempDir()
	p := mustWalk(t, d+"/f", Policy{})
	if _, err := p.Open(os.O_RDWR, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for range 2 {
		f, err := p.Open(os.O_RDWR|os.O_CREATE, 0o600)
		try(t, err)
		f.Close()
	}
	if _, err := p.Open(os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	try(t, os.Remove(d+"/f"))
	try(t, os.Symlink("/etc/passwd", d+"/f"))
	var unsafe *Unsafe
	if _, err := p.Open(os.O_RDONLY, 0); !errors.As(err, &unsafe) {
		t.Error(err)
	}
}
