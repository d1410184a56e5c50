package pidfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/resolve"
	"pidbox/testscripts/lab"
)

const dead = "2147483647\n"

func TestRelease(t *testing.T) {
	dir := safeDir(t)
	path := dir + "/web.pid"
	ctx := t.Context()
	must(t, Release(ctx, read1(t, path, Rules{}))) // there is none
	write(t, path, dead)
	must(t, Release(ctx, read1(t, path, Rules{})))
	if exists(path) {
		t.Error("it is still there")
	}
	write(t, path, dead)
	gone := read1(t, path, Rules{})
	must(t, os.Remove(path))
	must(t, Release(ctx, gone))
	for name, change := range map[string]func(){
		"content": func() { write(t, path, "2147483646\n") },
		"same time": func() {
			info := must1(os.Stat(path))(t)
			write(t, path, "2147483646\n")
			written(t, path, info.ModTime())
		},
		"emptied": func() { write(t, path, "") },
		"claim":   func() { must(t, claim(path, sleeper(t))) },
		"link":    func() { must(t, os.Rename(path, dir+"/old")); must(t, os.Symlink("old", path)) },
	} {
		os.Remove(path)
		write(t, path, dead)
		written(t, path, time.Now().Add(-time.Hour))
		h := read1(t, path, Rules{})
		change()
		if err := Release(ctx, h); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
		if !exists(path) {
			t.Errorf("%s: it is gone", name)
		}
	}
}

// A service that touches its pidfile, or writes it again, while it stops is not another one.
func TestReleaseOfATouchedFile(t *testing.T) {
	path := safeDir(t) + "/web.pid"
	for name, change := range map[string]func(text string){
		"touched":   func(string) { written(t, path, time.Now().Add(-time.Minute)) },
		"stopping":  func(text string) { write(t, path, text+"stopping\n") },
		"made anew": func(text string) { must(t, os.Remove(path)); write(t, path, text) },
	} {
		p := lab.Sleeper(t)
		must(t, claim(path, open(t, p)))
		h := read1(t, path, Rules{})
		change(content(t, path))
		if err := Release(t.Context(), h); !errors.Is(err, ErrChanged) {
			t.Errorf("%s, alive: %v", name, err)
		}
		p.Kill()
		must(t, Release(t.Context(), h))
		if exists(path) {
			t.Errorf("%s: it is still there", name)
		}
		os.Remove(path)
	}
}

// Where only the record was changed, somebody has claimed it.
func TestReleaseOfAnotherRecord(t *testing.T) {
	recording(t)
	path := safeDir(t) + "/web.pid"
	p := lab.Sleeper(t)
	must(t, claim(path, open(t, p)))
	p.Kill()
	h := read1(t, path, Rules{})
	rewriteRecord(t, path, func(r *record) { r.Inode++; r.Start++ })
	if err := Release(t.Context(), h); !errors.Is(err, ErrChanged) || !exists(path) {
		t.Errorf("%v", err)
	}
}

func TestReleaseIfOurs(t *testing.T) {
	path := safeDir(t) + "/web.pid"
	p, other := lab.Sleeper(t), sleeper(t)
	must(t, ReleaseIfOurs(t.Context(), path, Rules{}, p.PID))
	must(t, claim(path, open(t, p)))
	must(t, ReleaseIfOurs(t.Context(), path, Rules{}, p.PID))
	if !exists(path) {
		t.Error("that of a live process is gone")
	}
	p.Kill()
	must(t, ReleaseIfOurs(t.Context(), path, Rules{}, other.PID()))
	if !exists(path) {
		t.Error("another's is gone")
	}
	must(t, ReleaseIfOurs(t.Context(), path, Rules{}, p.PID))
	if exists(path) {
		t.Error("it is still there")
	}
	self := open(t, &lab.Process{PID: os.Getpid()})
	must(t, claim(path, self))
	must(t, ReleaseIfOurs(t.Context(), path, Rules{}, os.Getpid()))
	if exists(path) {
		t.Error("the caller's own is still there")
	}
}

// A dry run knows that a file with two names is not written in place.
func TestPeekInPlaceNames(t *testing.T) {
	needRoot(t)
	dir := safeDir(t)
	path := dir + "/web.pid"
	write(t, path, dead)
	must(t, os.Chmod(path, 0o666))
	must(t, os.Chmod(dir, 0o755))
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	peek := func() (err error) {
		asThread(t, stranger, func() { _, err = Peek(path, nil, Rules{AllowInsecure: true}) })
		return err
	}
	must(t, peek())
	must(t, os.Link(path, dir+"/other"))
	if err := peek(); !unsafe(err) {
		t.Errorf("two names: %v", err)
	}
}

// Nor is one written in place to which others could have led who may not write to it.
func TestPeekInPlaceOfOthers(t *testing.T) {
	needRoot(t)
	dir := safeDir(t)
	must(t, os.Mkdir(dir+"/run", 0o755))
	path := dir + "/run/web.pid"
	write(t, path, dead)
	must(t, os.Chown(path, stranger, -1))
	must(t, os.Chown(dir, -1, stranger+1))
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	peek := func() (err error) {
		asThread(t, stranger, func() {
			var h *Holder
			if h, err = Peek(path, nil, Rules{}); err == nil {
				h.Close()
			}
		})
		return err
	}
	must(t, os.Chmod(dir, 0o755))
	must(t, peek())
	must(t, os.Chmod(dir, 0o775))
	if err := peek(); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a group could have led to it: %v", err)
	}
}

// What was written to since is asked about again: without its record the file's word is that of all who could have led to
// another one.
func TestReleaseOfTouchedAsksAgain(t *testing.T) {
	needRoot(t)
	recording(t)
	dir := safeDir(t)
	must(t, os.Chmod(dir, 0o775))
	must(t, os.Chown(dir, -1, stranger))
	must(t, os.Mkdir(dir+"/run", 0o755))
	path := dir + "/run/web.pid"
	p := lab.Sleeper(t)
	must(t, claim(path, open(t, p)))
	h := read1(t, path, Rules{})
	p.Kill()
	write(t, path, content(t, path)+"touched\n")
	if err := Release(t.Context(), h); !errors.Is(err, ErrChanged) || !exists(path) {
		t.Errorf("%v", err)
	}
}

// A second name of the file may be one that matters: neither is it emptied nor written to.
func TestInPlaceNames(t *testing.T) {
	dir := safeDir(t)
	path := dir + "/web.pid"
	write(t, path, dead)
	h := read1(t, path, Rules{})
	must(t, os.Link(path, dir+"/other"))
	fd := must1(unix.Open(path, unix.O_WRONLY, 0))(t)
	defer unix.Close(fd)
	if err := h.isOwn(fd); !unsafe(err) {
		t.Errorf("two names: %v", err)
	}
	must(t, os.Remove(path))
	write(t, path, dead)
	if err := h.isOwn(fd); err != nil {
		t.Errorf("the old one, one name: %v", err)
	}
	other := must1(unix.Open(path, unix.O_WRONLY, 0))(t)
	defer unix.Close(other)
	if err := h.isOwn(other); !errors.Is(err, ErrChanged) {
		t.Errorf("another file: %v", err)
	}
	if fd, err := h.openOwn(); !errors.Is(err, ErrChanged) {
		t.Errorf("another file: %d, %v", fd, err)
	}
}

// A pidfile on which another file is mounted can be neither replaced nor removed.
func TestMountedFile(t *testing.T) {
	needRoot(t)
	if !lab.InNamespace(t) {
		return
	}
	dir := safeDir(t)
	path := dir + "/web.pid"
	must(t, os.Mkdir(dir+"/fs", 0o755))
	must(t, unix.Mount("tmpfs", dir+"/fs", "tmpfs", 0, ""))
	t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH); _ = unix.Unmount(dir+"/fs", unix.MNT_DETACH) })
	write(t, dir+"/fs/real", dead)
	write(t, path, "")
	must(t, unix.Mount(dir+"/fs/real", path, "", unix.MS_BIND, ""))
	p := lab.Sleeper(t)
	must(t, claim(path, open(t, p)))
	if got := state(t, path, Rules{}); got != Running || content(t, dir+"/fs/real") != content(t, path) {
		t.Errorf("it is %v", got)
	}
	p.Kill()
	must(t, Release(t.Context(), read1(t, path, Rules{})))
	if content(t, path) != "" {
		t.Errorf("it holds %q", content(t, path))
	}
	write(t, path, dead)
	h := read1(t, path, Rules{})
	must(t, unix.Mount("", path, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	if err := Release(t.Context(), h); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("read-only: %v", err)
	}
	if err := claim(path, sleeper(t)); !errors.Is(err, unix.EROFS) {
		t.Errorf("a claim, read-only: %v", err)
	}
}

func TestUnsafeIsResolves(t *testing.T) {
	var err error = &UnsafeError{Path: "f", Reason: "is"}
	var u *resolve.Unsafe
	if !errors.As(err, &u) {
		t.Error("it is another type")
	}
}

// A pidfile on a full disk can be released: the lock file, for which there is no room, is not needed for that.
func TestReleaseOnAFullDisk(t *testing.T) {
	needRoot(t)
	dir := safeDir(t)
	if err := unix.Mount("full", dir, "tmpfs", 0, "nr_inodes=16,mode=755"); err != nil {
		t.Skip("mount: ", err)
	}
	defer func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }()
	path := dir + "/web.pid"
	p := sleeper(t)
	must(t, claim(path, p))
	for i := 0; ; i++ {
		if err := os.WriteFile(fmt.Sprint(dir, "/", i), nil, 0o644); errors.Is(err, unix.ENOSPC) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := claim(dir+"/other.pid", p); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("a claim: %v", err)
	}
	must(t, Release(t.Context(), read1(t, path, Rules{})))
	if exists(path) {
		t.Error("it is still there")
	}
}
