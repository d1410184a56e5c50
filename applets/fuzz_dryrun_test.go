package applets

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pidbox/lib/applet"
	"pidbox/lib/multicall"
)

// FuzzDryRun runs any command line of the applets that can be rehearsed, and of pid-alive, which changes nothing: no
// panic, a status of its own table, standard output empty on an error, and nothing done. An operand F is a pidfile of
// this process, N one that names nobody.
func FuzzDryRun(f *testing.F) {
	dir := f.TempDir()
	ours, nobody := dir+"/ours.pid", dir+"/nobody.pid"
	contents := map[string]string{ours: strconv.Itoa(os.Getpid()) + "\n", nobody: "\n"}
	for file, text := range contents {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	var rehearsed []applet.Entry
	for _, e := range List() {
		dry := slices.ContainsFunc(e.New().Options, func(o applet.Option) bool { return slices.Contains(o.Names, "dry-run") })
		if dry || e.Name == "pid-alive" {
			rehearsed = append(rehearsed, e)
		}
	}
	for i := range rehearsed {
		f.Add(i, "-p F")
		f.Add(i, "-p F --pid 1 -q")
		f.Add(i, "-p N -v true x")
		f.Add(i, "-p N --mode 600 --unrecorded stale --user root true")
		f.Add(i, "-p F --group --grace 1 --budget 5 --json")
		f.Add(i, "-p absent --match-name x --env A=b --limit nofile=5 true")
	}
	f.Fuzz(func(t *testing.T, i int, line string) {
		if i < 0 || strings.ContainsAny(line, "/@") || strings.Contains(line, "wait") || strings.Contains(line, "dry") || strings.Contains(line, "n=") {
			return // other people's files, and what could undo the rehearsal
		}
		e := rehearsed[i%len(rehearsed)]
		args := []string{e.Name}
		if e.Name != "pid-alive" {
			args = append(args, "-n")
		}
		for word := range strings.SplitSeq(line, " ") {
			switch word {
			case "F":
				word = ours
			case "N":
				word = nobody
			}
			args = append(args, word)
		}
		var stdout, stderr bytes.Buffer
		status := multicall.Main(args, nil, &stdout, &stderr, List(), Status, Foreign)
		if !documented(e.New(), status) {
			t.Errorf("%q: status %d is not in its table; said %q", args, status, &stderr)
		}
		if asked := e.Name == "pid-alive" && status < 64; status != 0 && !asked && stdout.Len() > 0 {
			t.Errorf("%q: status %d, and printed %q", args, status, &stdout)
		}
		for file, text := range contents {
			if now, err := os.ReadFile(file); err != nil || string(now) != text {
				t.Fatalf("%q: the pidfile became %q, %v", args, now, err)
			}
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != len(contents) {
			t.Fatalf("%q: left %v, %v", args, entries, err)
		}
	})
}

// documented reports whether an applet's own table has the status.
func documented(a *applet.Applet, status int) bool {
	return slices.ContainsFunc(a.Statuses, func(item applet.Item) bool {
		return slices.Contains(strings.FieldsFunc(item.Name, func(r rune) bool { return strings.ContainsRune(", /", r) }), strconv.Itoa(status))
	})
}
