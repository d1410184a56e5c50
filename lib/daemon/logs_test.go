package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pidbox/lib/resolve"
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
		l, err := openLogs("", file, false, nil, resolve.Policy{})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(l.err, c.wrote)
		if path, lines := l.words.Last(); path != file || strings.Join(lines, "|") != c.want {
			t.Errorf("%q after %q: %q", c.wrote, c.before, lines)
		}
		l.close()
	}
	if l, err := openLogs("", "", false, nil, resolve.Policy{}); err != nil || l.out != nil || l.err != nil {
		t.Errorf("%v, %v", l, err)
	} else if path, lines := l.words.Last(); path != "" || lines != nil {
		t.Errorf("without a file: %q, %q", path, lines)
	}
}

func TestLogsAreAppended(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	for _, truncate := range []bool{false, false, true} {
		l, err := openLogs(file, file, truncate, nil, resolve.Policy{})
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
