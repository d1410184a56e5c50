//go:build linux

package testscripts

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var (
	runs  = regexp.MustCompile(`^\s*(?:\[[^\]]*\]\s*)*(?:! )?(status|exec|race|syscalls|wait)\b`)
	asked = regexp.MustCompile(`^(\s*(?:\[[^\]]*\]\s*)*)(! )?((?:status|exec)\s.*)$`)
	apart = regexp.MustCompile(`&\w*&?\s*$`)
	looks = map[string]*regexp.Regexp{
		"stdout": regexp.MustCompile(`\bstdout\b|^\s*(\[[^\]]*\]\s*)*(says|silent|json)\b`),
		"stderr": regexp.MustCompile(`\bstderr\b|^\s*(\[[^\]]*\]\s*)*(says|silent)\b`),
	}
)

// silenced are the scripts, in a directory of the test's, with silence as the default: a command that status or exec
// runs, and whose standard output or error no line looks at before the next command, must have written nothing there.
func silenced(t *testing.T, files []string) (copies []string) {
	t.Helper()
	dir := t.TempDir()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, filepath.Base(file))
		if err := os.WriteFile(to, []byte(bySilence(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
		copies = append(copies, to)
	}
	return copies
}

// bySilence puts "quietly STREAMS" before each command that has streams which no line looks at. Lines keep their numbers.
func bySilence(text string) string {
	script, files, found := strings.Cut("\n"+text, "\n-- ")
	lines := strings.Split(script, "\n")
	for i, line := range lines {
		m := asked.FindStringSubmatch(line)
		if m == nil || apart.MatchString(line) {
			continue
		}
		var unseen []string
		for _, stream := range []string{"stdout", "stderr"} {
			if !lookedAt(lines[i+1:], looks[stream]) {
				unseen = append(unseen, stream)
			}
		}
		if len(unseen) > 0 {
			lines[i] = fmt.Sprintf("%s%squietly %s %s", m[1], m[2], strings.Join(unseen, ","), m[3])
		}
	}
	script = strings.Join(lines, "\n")
	if found {
		script += "\n-- " + files
	}
	return strings.TrimPrefix(script, "\n")
}

func lookedAt(after []string, look *regexp.Regexp) bool {
	for _, line := range after {
		switch {
		case runs.MatchString(line):
			return false
		case !strings.HasPrefix(line, "#") && look.MatchString(line):
			return true
		}
	}
	return false
}

// quietly STREAMS status|exec ...: what the rest does, and nothing is written to STREAMS. No script has it: see silenced.
func quietly(ts *testscript.TestScript, neg bool, args []string) {
	needArgs(ts, args, 3, "quietly streams status|exec ...")
	switch {
	case args[1] == "status" && neg:
		ts.Fatalf("unsupported: ! status")
	case args[1] == "status":
		status(ts, args[2:])
	default:
		if err := ts.Exec(args[2], args[3:]...); neg && err == nil {
			ts.Fatalf("unexpected command success")
		} else if !neg {
			ts.Check(err)
		}
	}
	for _, stream := range strings.Split(args[0], ",") {
		if text := ts.ReadFile(stream); text != "" {
			ts.Fatalf("%s is not empty, and no line looks at it", stream)
		}
	}
}

// TestSilence: what is written and not looked at is found, whatever comes between, and nothing else is.
func TestSilence(t *testing.T) {
	tests := map[string]string{
		"status 0 a\nstatus 0 b\nsilent":                "quietly stdout,stderr status 0 a\nstatus 0 b\nsilent",
		"exec a\n! exists f\nstdout x\nstderr y":        "exec a\n! exists f\nstdout x\nstderr y",
		"! exec a\n# stdout\n[root] stderr y":           "! quietly stdout exec a\n# stdout\n[root] stderr y",
		"[root] status 0 a\nexec b &\nsays x":           "[root] quietly stdout,stderr status 0 a\nexec b &\nsays x",
		"status 0 a\njson outcome\n-- f --\nstatus 0 b": "quietly stderr status 0 a\njson outcome\n-- f --\nstatus 0 b",
		"-- f --\nexec a\n":                             "-- f --\nexec a\n",
	}
	for script, want := range tests {
		if got := bySilence(script); got != want {
			t.Errorf("%q becomes %q, want %q", script, got, want)
		}
	}
}
