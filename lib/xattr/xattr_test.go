//go:build linux

package xattr_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pidbox/lib/xattr"
)

// An attribute is read whole, whatever its length beside that of the room that is tried first.
func TestRead(t *testing.T) {
	const name, most = "user.test", 1024
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := xattr.Read(int(f.Fd()), name, most); !errors.Is(err, unix.ENODATA) {
		t.Skipf("no attributes here: %v", err)
	}
	for _, n := range []int{0, 1, 255, 256, 257, most, most + 1} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			text := strings.Repeat("x", n)
			if err := unix.Fsetxattr(int(f.Fd()), name, []byte(text), 0); err != nil {
				t.Fatal(err)
			}
			byFD, err1 := xattr.Read(int(f.Fd()), name, most)
			byPath, err2 := xattr.ReadAt(path, name, most)
			switch {
			case n > most && (err1 != unix.ERANGE || err2 != unix.ERANGE):
				t.Errorf("%v, %v, and not ERANGE", err1, err2)
			case n <= most && (byFD != text || byPath != text || err1 != nil || err2 != nil):
				t.Errorf("%d and %d bytes: %v, %v", len(byFD), len(byPath), err1, err2)
			}
		})
	}
}
