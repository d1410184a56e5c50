package resolve

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func mount(t *testing.T, source, target, kind, options string, flags uintptr) {
	t.Helper()
	if err := unix.Mount(source, target, kind, flags, options); err != nil {
		t.Skip("mount:", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(target, unix.MNT_DETACH) })
}

// A relative path starts at the directory that "." is, whatever is mounted over its name or became of it.
func TestCurrentDirectory(t *testing.T) {
	d := privileged(t)
	under := dir(t, d+"/cwd", 0, 0, 0o755)
	makeFile(t, under+"/f", 0, 0, 0o644)
	t.Chdir(under)
	var st unix.Stat_t
	try(t, unix.Stat(under, &st))
	mount(t, "tmpfs", under, "tmpfs", "", 0)
	makeFile(t, under+"/f", mallory, 0, 0o644)
	p := mustWalk(t, "f", Policy{})
	if dev, ino := p.DirID(); dev != st.Dev || ino != st.Ino {
		t.Error("led to the mount")
	}
	if dir, ok := p.Canonical(); ok {
		t.Error("canonical:", dir)
	}
	if p.Dir() != "." || p.File() != "./f" {
		t.Error(p.Dir())
	}
	if got := verdict("f"); got != "may" {
		t.Error(got)
	}
	if got := verdict(under + "/f"); !strings.Contains(got, "is owned by mallory") {
		t.Error(got)
	}
	same(t, mustWalk(t, under+"/f", Policy{}), under)
}

func TestRemovedCurrentDirectory(t *testing.T) {
	d := t.TempDir()
	try(t, os.Mkdir(d+"/gone", 0o755))
	t.Chdir(d + "/gone")
	try(t, os.Remove(d+"/gone"))
	if p, err := Walk("f", Policy{}); err == nil {
		if dir, ok := p.Canonical(); ok {
			t.Error("canonical:", dir)
		}
		if _, err := p.Open(os.O_WRONLY|os.O_CREATE, 0o644); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		p.Close()
	} else {
		t.Error(err)
	}
	for _, path := range []string{"x/f", "x/y/f"} {
		if _, err := Walk(path, Policy{Make: 0o755}); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
}

// The caller may stand where he could not go again.
func TestUnreachableCurrentDirectory(t *testing.T) {
	d := privileged(t)
	dir(t, d+"/closed", 0, 0, 0o700)
	makeFile(t, dir(t, d+"/closed/own", web1, web1, 0o755)+"/f", web1, 0, 0o644)
	t.Chdir(d + "/closed/own")
	if got := verdictOf(t, as(web1), "", "f"); got != "may" {
		t.Error(got)
	}
	if got := verdictOf(t, as(web1), "", d+"/closed/own/f"); !strings.Contains(got, "permission denied") {
		t.Error(got)
	}
}

// The same directory under two names is one place.
func TestBindMounts(t *testing.T) {
	d := privileged(t)
	dir(t, d+"/a", 0, 0, 0o755)
	dir(t, d+"/b", 0, 0, 0o755)
	mount(t, d+"/a", d+"/b", "", "", unix.MS_BIND)
	p := mustWalk(t, d+"/b/f", Policy{})
	same(t, p, d+"/a")
	if dir, ok := p.Canonical(); !ok || dir != d+"/b" {
		t.Error(dir, ok)
	}
	same(t, mustWalk(t, d+"/b/../a/f", Policy{}), d+"/a")
}

func TestFileSystems(t *testing.T) {
	d := privileged(t)
	for _, sub := range []string{"low", "up", "work", "over", "tmp", "ram", "ro"} {
		dir(t, d+"/"+sub, 0, 0, 0o755)
	}
	dir(t, d+"/low/any", 0, 0, 0o777)
	dir(t, d+"/low/sub", mallory, 0, 0o755)
	for kind, options := range map[string]string{
		"tmp": "tmpfs", "ram": "ramfs", "ro": "tmpfs", "over": fmt.Sprintf("overlay lowerdir=%s/low,upperdir=%s/up,workdir=%s/work", d, d, d),
	} {
		t.Run(kind, func(t *testing.T) {
			name, options, _ := strings.Cut(options, " ")
			at := d + "/" + kind
			mount(t, name, at, name, options, 0)
			if kind != "over" {
				try(t, unix.Chmod(at, 0o755))
				dir(t, at+"/any", 0, 0, 0o777)
				dir(t, at+"/sub", mallory, 0, 0o755)
			}
			if kind == "ro" {
				try(t, unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
				if _, err := Walk(at+"/new/f", Policy{Make: 0o755}); !errors.Is(err, unix.EROFS) {
					t.Error(err)
				}
				if _, err := Walk(at+"/new/f", Policy{Make: 0o755, DryRun: true}); !errors.Is(err, unix.EROFS) {
					t.Error(err)
				}
			}
			p := mustWalk(t, at+"/f", Policy{})
			same(t, p, at)
			if got := verdict(at + "/f"); got != "may" {
				t.Error(got)
			}
			if got := verdict(at + "/any/f"); !strings.Contains(got, "world-writable") {
				t.Error(got)
			}
			if got := verdict(at + "/sub/f"); !strings.Contains(got, "is owned by mallory") {
				t.Error(got)
			}
		})
	}
}

// Magic links lead where the kernel knows, and not where their text says.
func TestMagicLinks(t *testing.T) {
	d := privileged(t)
	dir(t, d+"/root", 0, 0, 0o755)
	dir(t, d+"/root/sub", 0, 0, 0o755)
	pid := os.Getpid()
	t.Chdir(d + "/root")
	mount(t, "tmpfs", d+"/root", "tmpfs", "mode=755", 0) // the text of our cwd leads to this
	for _, path := range []string{fmt.Sprintf("/proc/%d/cwd/sub/f", pid), "/proc/self/cwd/sub/f", "/proc/thread-self/cwd/sub/f"} {
		var unsafe *Unsafe
		if _, err := Walk(path, Policy{}); !errors.As(err, &unsafe) || !strings.Contains(unsafe.Reason, "is a magic link of /proc") {
			t.Errorf("%s: %v", path, err)
		}
		p := mustWalk(t, path, Policy{Magic: true})
		if dir, ok := p.Canonical(); ok {
			t.Error("canonical:", dir)
		}
		if len(p.Word()) > 0 {
			t.Error(p.Word())
		}
		if _, err := p.Open(os.O_WRONLY|os.O_CREATE, 0o644); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(d + "/root/sub"); err == nil {
		t.Error("it went by the text")
	}
	if st, err := mustWalk(t, "sub/f", Policy{}).Stat(); err != nil || st.Size != 0 {
		t.Error(st, err)
	}
	// The links that are no magic ones.
	for path, into := range map[string]string{"/proc/self/stat": fmt.Sprintf("/proc/%d", pid), "/proc/net/dev": fmt.Sprintf("/proc/%d/net", pid)} {
		same(t, mustWalk(t, path, Policy{}), into)
	}
	if _, err := Walk("/proc/self/exe/f", Policy{Magic: true}); !errors.Is(err, unix.ENOTDIR) {
		t.Error(err)
	}
}

// A process of a stranger's has its root and its current directory where it likes.
func TestMagicLinkOfAStranger(t *testing.T) {
	privileged(t)
	cmd := again("judge", as(mallory), "/dev/null")
	cmd.Path, cmd.Args, cmd.Dir = "/bin/cat", []string{"cat"}, "/tmp"
	in, err := cmd.StdinPipe()
	try(t, err, cmd.Start())
	defer cmd.Wait()
	defer in.Close()
	got := verdict(fmt.Sprintf("/proc/%d/cwd/f", cmd.Process.Pid))
	if !strings.Contains(got, "/cwd: is a symbolic link of mallory, which can point anywhere; ") {
		t.Error(got)
	}
}

// In a user namespace that maps only its root, what is above belongs to nobody, as the real root does, but a file of
// nobody's may be anybody's.
func TestUserNamespace(t *testing.T) {
	d := privileged(t)
	own := dir(t, d+"/own", web1, web1, 0o755)
	makeFile(t, own+"/f", web1, web1, 0o644)
	makeFile(t, own+"/g", 0, 0, 0o644)
	makeFile(t, own+"/h", mallory, mallory, 0o664)
	dir(t, own+"/group", web1, 2004, 0o775)
	attr := func() *syscall.SysProcAttr {
		a := as(web1)
		a.Cloneflags = syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: web1, Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: web1, Size: 1}}
		a.Credential = &syscall.Credential{Uid: 0, Gid: 0, NoSetGroups: true}
		return a
	}
	if err := again("judge", attr(), "/dev/null").Run(); err != nil {
		t.Skip("no user namespace to be had:", err)
	}
	for path, want := range map[string]string{
		own + "/f":       "may",
		own + "/g":       own + "/g: is owned by a user outside of this user namespace (mode 0644); rm " + own + "/g",
		own + "/h":       own + "/h: is owned by a user outside of this user namespace (mode 0664); rm " + own + "/h",
		own + "/group/f": own + "/group: directory is writable by group nogroup, which may include users that /etc/group does not list (owner root, mode 0775); chmod g-w " + own + "/group, and remove what others made in it",
	} {
		if got := verdictOf(t, attr(), "/", path); got != want {
			t.Errorf("%s\nnot\n%s", got, want)
		}
	}
}

// A component that is replaced before each system call is found as one thing or the other, and never as a mixture.
func TestReplacedMeanwhile(t *testing.T) {
	d := privileged(t)
	dir(t, d+"/good", 0, 0, 0o755)
	dir(t, d+"/bad", mallory, 0, 0o755)
	states := []func(string) error{
		func(p string) error { return os.Mkdir(p, 0o755) },
		func(p string) error { return os.Symlink("good", p) },
		func(p string) error { return errors.Join(os.Symlink("bad", p), os.Lchown(p, mallory, 0)) },
		func(p string) error { return os.WriteFile(p, nil, 0o644) },
		func(string) error { return nil },
	}
	for first := range states {
		for second := range states {
			for call := range 8 {
				calls := 0
				set := func(make func(string) error) { try(t, os.RemoveAll(d+"/x"), make(d+"/x")) }
				set(states[first])
				p, err := Walk(d+"/x/f", Policy{hook: func(string) {
					if calls++; calls == call {
						set(states[second])
					}
				}})
				if err != nil {
					continue
				}
				if len(p.Word()) > 0 {
					t.Errorf("%d, %d at call %d: %v", first, second, call, p.Word())
				}
				p.Close()
			}
		}
	}
	turns := 0
	_, err := Walk(d+"/x/f", Policy{hook: func(call string) {
		turns++
		set := states[0] // a directory when its link is read, and a link when it is opened
		if call == "openat" {
			set = states[1]
		}
		try(t, os.RemoveAll(d+"/x"), set(d+"/x"))
	}})
	if !errors.Is(err, unix.EAGAIN) || turns > 200 {
		t.Error(err, turns)
	}
}

// What went away and came back as another's link is looked at again, not entered.
func TestGoneAndBack(t *testing.T) {
	d := privileged(t)
	dir(t, d+"/good", 0, 0, 0o755)
	makeFile(t, d+"/x", 0, 0, 0o644)
	gone := false
	_, err := Walk(d+"/x/f", Policy{hook: func(call string) {
		switch {
		case call == "readlinkat" && !gone:
			gone = true
			try(t, os.Remove(d+"/x"))
		case gone:
			_ = os.Symlink("good", d+"/x")
			try(t, os.Lchown(d+"/x", mallory, 0))
		}
	}})
	if !strings.Contains(said(err), "is a symbolic link of mallory") {
		t.Error(err)
	}
}

// That another process makes the directory first is as good.
func TestMadeMeanwhile(t *testing.T) {
	d := privileged(t)
	p, err := Walk(d+"/x/f", Policy{Make: 0o755, hook: func(call string) {
		if call == "mkdirat" {
			dir(t, d+"/x", 0, 0, 0o755)
		}
	}})
	try(t, err)
	p.Close()
}

// A file that another makes between the look for it and its creation is opened.
func TestFileMadeMeanwhile(t *testing.T) {
	d, looks := privileged(t), -100 // those of the walk do not count
	p, err := Walk(d+"/f", Policy{hook: func(call string) {
		if call == "openat" {
			if looks++; looks == 2 {
				try(t, os.WriteFile(d+"/f", nil, 0o644))
			}
		}
	}})
	try(t, err)
	defer p.Close()
	looks = 0
	f, err := p.Open(unix.O_WRONLY|unix.O_CREAT, 0o600)
	try(t, err)
	defer f.Close()
	if looks != 3 {
		t.Error(looks)
	}
}
