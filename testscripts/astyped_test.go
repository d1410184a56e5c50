//go:build linux && !pidbox_some

package testscripts

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAsTyped types the command lines of docs/as-typed.md, and holds its last column to what they print and to their status.
// With PIDBOX_UPDATE set it writes that column.
func TestAsTyped(t *testing.T) {
	t.Parallel()
	const page = "../packaging/docs/as-typed.md"
	bin := t.TempDir()
	sh(t, "", "env", "DESTDIR="+bin, "PREFIX=/", abs(t, "../packaging/install"), built(t))
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|`]+) \\|.*$")
	typed := 0
	text := read(t, page)
	now := row.ReplaceAllStringFunc(text, func(line string) string {
		typed++
		cells := row.FindStringSubmatch(line)
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "etcd.yaml"), []byte(read(t, "../packaging/examples/etcd.yaml")), 0o600); err != nil {
			t.Fatal(err)
		}
		return "| `" + cells[1] + "` | " + cells[2] + " | " + answer(t, dir, bin+"/bin", cells[1]) + " |"
	})
	switch {
	case typed < 40:
		t.Errorf("only %d command lines in %s", typed, page)
	case now == text:
	case os.Getenv("PIDBOX_UPDATE") != "":
		if err := os.WriteFile(page, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		was, is := strings.Split(text, "\n"), strings.Split(now, "\n")
		for i := range was {
			if was[i] != is[i] {
				t.Errorf("%s has\n%s\nand now it is\n%s", page, was[i], is[i])
			}
		}
	}
}

// answer is the status and the lines of a command line, as a cell of a table; nothing may be left in dir.
func answer(t *testing.T, dir, bin, line string) string {
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var lines []string
	for text := range strings.Lines(string(out)) {
		text = strings.TrimSpace(text)
		if strings.HasPrefix(text, "try '") || strings.HasPrefix(text, "time=") {
			continue
		}
		text = regexp.MustCompile(`process \d+`).ReplaceAllString(text, "process N")
		lines = append(lines, "`"+strings.NewReplacer("|", `\|`, "`", "'").Replace(text)+"`")
	}
	if left, _ := filepath.Glob(dir + "/*"); len(left) != 1 {
		t.Errorf("%s left %q", line, left)
	}
	return strings.Join(append(lines, cmd.ProcessState.String()), "<br>")
}
