package pidfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// safeDir is a directory that nobody but the caller can write to, all the way up.
func safeDir(t testing.TB) string {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLocateFollowsDirectories(t *testing.T) {
	dir := safeDir(t)
	must(t, os.MkdirAll(dir+"/a/b", 0o755))
	must(t, os.Symlink("a/b", dir+"/relative"))
	must(t, os.Symlink(dir+"/a", dir+"/absolute"))
	must(t, os.Symlink("loop", dir+"/loop"))
	for path, want := range map[string]string{
		"a/b/f": "a/b/f", "a//b/./f": "a/b/f", "a/b/../f": "a/f", "relative/f": "a/b/f", "relative/../f": "a/f", "absolute/b/f": "a/b/f",
	} {
		must(t, os.WriteFile(dir+"/"+want, nil, 0o644))
		p, err := locate(dir+"/"+path, Rules{}, false)
		if err != nil || p == nil || p.file() != dir+"/"+want {
			t.Errorf("%s: %+v, %v; want %s", path, p, err, want)
		}
		p.close()
	}
	if p, err := locate(dir+"/loop/f", Rules{}, false); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("loop: %v, %v", p, err)
	}
	if p, err := locate(dir+"/a/b/f/g", Rules{}, false); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("through a file: %v, %v", p, err)
	}
	t.Chdir(dir)
	p, err := locate("-", Rules{}, true)
	if err != nil || p.file() != dir+"/-" {
		t.Errorf("-: %+v, %v", p, err)
	}
	p.close()
}

func TestLocateMissing(t *testing.T) {
	dir := safeDir(t)
	if p, err := locate(dir+"/none/f", Rules{}, false); p != nil || err != nil {
		t.Errorf("%v, %v", p, err)
	}
	if _, err := os.Stat(dir + "/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a look made a directory")
	}
	p, err := locate(dir+"/some/deep/f", Rules{}, true)
	must(t, err)
	p.close()
	if info, err := os.Stat(dir + "/some/deep"); err != nil || !info.IsDir() {
		t.Errorf("%v, %v", info, err)
	}
	for _, path := range []string{dir, dir + "/", dir + "/.", dir + "/.."} {
		if h, err := Read(path, Rules{}); !unsafe(err) {
			t.Errorf("%s: %v, %v", path, h, err)
		}
	}
	if _, err := locate("/"+strings.Repeat("x", 5000), Rules{}, true); !errors.Is(err, syscall.ENAMETOOLONG) || len(err.Error()) > 100 {
		t.Errorf("a long path: %v", err)
	}
	if _, err := locate(strings.Repeat("/x", 2500), Rules{}, true); !errors.Is(err, syscall.ENAMETOOLONG) {
		t.Errorf("a long path: %v", err)
		os.RemoveAll("/x")
	}
}

func unsafe(err error) bool {
	var u *UnsafeError
	return errors.As(err, &u)
}

func TestUnsafePlaces(t *testing.T) {
	for name, c := range map[string]struct {
		make func(dir string) error
		want string // in the error, or "" for none
		hint string
	}{
		"fifo":           {func(d string) error { return syscall.Mkfifo(d+"/f", 0o644) }, "is a FIFO", "rm DIR/f"},
		"directory":      {func(d string) error { return os.Mkdir(d+"/f", 0o755) }, "is a directory", "name a file in it"},
		"link":           {func(d string) error { return os.Symlink("/etc/passwd", d+"/f") }, "is a symbolic link", "rm DIR/f"},
		"dangling":       {func(d string) error { return os.Symlink(d+"/none", d+"/f") }, "is a symbolic link", "rm DIR/f"},
		"group-writable": {func(d string) error { return file(d+"/f", 0o664) }, "others than its owner can write it (owner ", "chmod go-w DIR/f"},
		"writable":       {func(d string) error { return file(d+"/f", 0o646) }, "mode 0646", "chmod go-w DIR/f"},
		"open directory": {func(d string) error { return errors.Join(file(d+"/f", 0o644), os.Chmod(d, 0o777)) }, "everybody can exchange the files in it", "chmod go-w DIR"},
		"sticky":         {func(d string) error { return errors.Join(file(d+"/f", 0o644), os.Chmod(d, 0o777|os.ModeSticky)) }, "", ""},
		"plain":          {func(d string) error { return file(d+"/f", 0o600) }, "", ""},
		"missing":        {func(d string) error { return os.Chmod(d, 0o777) }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := safeDir(t)
			must(t, c.make(dir))
			h, err := Read(dir+"/f", Rules{})
			if c.want == "" {
				must(t, err)
				h.Close()
				return
			}
			var u *UnsafeError
			if !errors.As(err, &u) || !strings.Contains(err.Error(), c.want) || u.Hint != strings.Replace(c.hint, "DIR", dir, 1) {
				t.Fatalf("%v, hint %q", err, u.Hint)
			}
			if strings.Contains(c.hint, "chmod") {
				h, err := Read(dir+"/f", Rules{AllowInsecure: true})
				must(t, err)
				h.Close()
			}
		})
	}
	if h, err := Read("/dev/null", Rules{}); !unsafe(err) || !strings.Contains(err.Error(), "is a device") {
		t.Errorf("%v, %v", h, err)
	}
}

// file makes an empty file whose mode no umask has touched.
func file(path string, mode fs.FileMode) error {
	return errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, mode))
}
