package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestTail(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	long := strings.Repeat("x", 5000)
	for _, c := range []struct{ before, wrote, want string }{
		{"", "", ""},
		{"old\n", "", ""},
		{"old\n", "new\n", "new"},
		{"", "1\n2\n3\n4\n5\n6\n7\n", "3|4|5|6|7"},
		{"", "no end", "no end"},
		{"old", "\n\n", ""},
		{"", long + "\nlast\n", "last"},
		{"", long, long[:4096]},
	} {
		if err := os.WriteFile(file, []byte(c.before), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := openLogs("", file, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(l.err, c.wrote)
		if path, lines := l.tail(); path != file || strings.Join(lines, "|") != c.want {
			t.Errorf("%q after %q: %q", c.wrote, c.before, lines)
		}
		l.close()
	}
	if l, err := openLogs("", "", false, nil); err != nil || l.out != nil || l.err != nil {
		t.Errorf("%v, %v", l, err)
	} else if path, lines := l.tail(); path != "" || lines != nil {
		t.Errorf("without a file: %q, %q", path, lines)
	}
}

func TestOpenLogFollowsOwnLinks(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for link, target := range map[string]string{"one": "two", "two": in("log"), "round": "round", "dangling": "none/log"} {
		if err := os.Symlink(target, in(link)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := openLog(in("one"), false, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := os.Stat(in("log")); err != nil {
		t.Error(err)
	}
	if _, err := openLog(in("dangling"), false, nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := openLog(in("round"), false, nil); !errors.Is(err, syscall.ELOOP) {
		t.Error(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Lchown(in("one"), 4711, 4711); err != nil {
			t.Fatal(err)
		}
		var unsafe *UnsafeLogError
		if _, err := openLog(in("one"), false, nil); !errors.As(err, &unsafe) || unsafe.UID != 4711 {
			t.Error(err)
		}
	}
}

func TestLogsAreAppended(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	for _, truncate := range []bool{false, false, true} {
		l, err := openLogs(file, file, truncate, nil)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(l.out, "a")
		fmt.Fprintln(l.err, "b")
		fmt.Fprintln(l.out, "c")
		l.close()
	}
	text, err := os.ReadFile(file)
	if want := []byte("a\nb\nc\n"); err != nil || !slices.Equal(text, want) {
		t.Errorf("%q, %v", text, err)
	}
}
