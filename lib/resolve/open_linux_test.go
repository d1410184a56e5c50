package resolve

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func descriptors(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	try(t, err)
	return len(fds)
}

// A walk leaves nothing open but the place, and that no program inherits.
func TestDescriptors(t *testing.T) {
	d := t.TempDir()
	try(t, os.MkdirAll(d+"/a/b", 0o755), os.Symlink("elsewhere", d+"/a/b/link"))
	before := descriptors(t)
	for range 3 {
		p, err := Walk(d+"/a/b/f", Policy{})
		try(t, err)
		f, err := p.Open(os.O_RDWR|os.O_CREATE, 0o600)
		try(t, err)
		for _, fd := range []int{p.Fd(), int(f.Fd())} {
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
				t.Errorf("%d is inherited: %x, %v", fd, flags, err)
			}
		}
		try(t, f.Close())
		p.Close()
		for _, path := range []string{"/a/none/f", "/a/b/f/f", "/a/b/link", "/a/b/"} {
			if p, err := Walk(d+path, Policy{}); err == nil {
				t.Error(p.Dir())
			}
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d open, and %d before", after, before)
	}
}

// An interrupted call is made again, and none but that.
func TestRetry(t *testing.T) {
	calls := 0
	n, err := retry(func() (int, error) {
		if calls++; calls < 3 {
			return -1, unix.EINTR
		}
		return 7, nil
	})
	if n != 7 || err != nil || calls != 3 {
		t.Error(n, err, calls)
	}
	if _, err := retry(func() (int, error) { return -1, unix.EAGAIN }); !errors.Is(err, unix.EAGAIN) {
		t.Error(err)
	}
}

// Stat is of the name: of a link, but for the one that was to be followed.
func TestStatOfALink(t *testing.T) {
	d := t.TempDir()
	p := mustWalk(t, d+"/link", Policy{})
	try(t, os.Symlink("/", d+"/link"))
	if st, err := p.Stat(); err != nil || st.Mode&unix.S_IFMT != unix.S_IFLNK {
		t.Error(st, err)
	}
	if st, err := mustWalk(t, "/proc/self/exe", Policy{Follow: true, Magic: true}).Stat(); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		t.Error(st, err)
	}
}

// How a path is shown where the kernel does not know it.
func TestNames(t *testing.T) {
	for _, c := range [][3]string{
		{"", "a", "a"}, {"", "..", ".."}, {"..", "..", "../.."}, {"../..", "..", "../../.."}, {"../a", "..", ".."}, {"a", "..", ""},
		{"a/b", "..", "a"}, {"/", "a", "/a"}, {"/a", "b", "/a/b"}, {"/a", "..", "/"},
	} {
		if got := (&walker{dir: c[0]}).name(c[1]); got != c[2] {
			t.Errorf("%q in %q: %q", c[1], c[0], got)
		}
	}
}
