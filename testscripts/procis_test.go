//go:build linux

package testscripts

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"pidbox/testscripts/lab"
)

// procis PID KEY=VALUE...: the process has these properties (KEY!=VALUE: not this one). PID is a number or a pidfile;
// the value self is its PID. The keys: state ppid pgid sid tty nice comm exe cwd root uid gid groups umask threads oom
// nonewprivs blocked ignored caught caps (effective) fds (open descriptors, 0,1,2) fd0 fd1 fd2 (where they lead)
// cmdline env.NAME limit.NAME (soft, as in limit.open=64).
func procis(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "procis pid key=value...")
	pid, err := pidOf(ts, args[0])
	ts.Check(err)
	for _, arg := range args[1:] {
		key, want, ok := strings.Cut(arg, "=")
		if !ok {
			ts.Fatalf("procis: %q is no key=value", arg)
		}
		key, not := strings.CutSuffix(key, "!")
		if want == "self" {
			want = strconv.Itoa(pid)
		}
		got, err := property(pid, key)
		ts.Check(err)
		if (got == want) == not {
			ts.Fatalf("process %d: %s is %q; asserted %s", pid, key, got, arg)
		}
	}
}

func property(pid int, key string) (string, error) {
	inStat := []string{"state", "ppid", "pgid", "sid", "tty", "", "", "", "", "", "", "", "", "", "", "", "nice"}
	inStatus := map[string]string{
		"comm": "Name", "uid": "Uid", "gid": "Gid", "groups": "Groups", "umask": "Umask", "threads": "Threads",
		"nonewprivs": "NoNewPrivs", "blocked": "SigBlk", "ignored": "SigIgn", "caught": "SigCgt", "caps": "CapEff",
	}
	file := func(name string) string { return fmt.Sprintf("/proc/%d/%s", pid, name) }
	if i := slices.Index(inStat, key); i >= 0 && key != "" {
		fields := lab.Stat(pid)
		if len(fields) <= i {
			return "", fmt.Errorf("no process %d", pid)
		}
		return fields[i], nil
	}
	if name := inStatus[key]; name != "" {
		return fieldOf(file("status"), name+":")
	}
	kind, name, _ := strings.Cut(key, ".")
	switch kind {
	case "exe", "cwd", "root":
		return os.Readlink(file(kind))
	case "fd0", "fd1", "fd2":
		return os.Readlink(file("fd/" + kind[2:]))
	case "fds":
		return descriptors(file("fd"))
	case "oom":
		text, err := os.ReadFile(file("oom_score_adj"))
		return strings.TrimSpace(string(text)), err
	case "cmdline":
		text, err := os.ReadFile(file("cmdline"))
		return strings.TrimSpace(strings.ReplaceAll(string(text), "\x00", " ")), err
	case "env":
		text, err := os.ReadFile(file("environ"))
		for _, v := range strings.Split(string(text), "\x00") {
			if value, ok := strings.CutPrefix(v, name+"="); ok {
				return value, nil
			}
		}
		return "", err
	case "limit":
		return fieldOf(file("limits"), "Max "+name)
	}
	return "", fmt.Errorf("procis: no such key %q", key)
}

// fieldOf is the first value (for groups: all) on the line that starts so.
func fieldOf(file, start string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		rest, ok := strings.CutPrefix(lines.Text(), start)
		if !ok {
			continue
		}
		values := strings.Fields(rest)
		if start == "Groups:" {
			return strings.Join(values, ","), nil
		}
		for len(values) > 0 && strings.HasPrefix(start, "Max ") && !isLimit(values[0]) { // "open" is "open files"
			values = values[1:]
		}
		if len(values) > 0 {
			return values[0], nil
		}
	}
	return "", fmt.Errorf("no %s in %s", start, file)
}

func isLimit(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil || s == "unlimited"
}

func descriptors(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	var fds []int
	for _, e := range entries {
		n, _ := strconv.Atoi(e.Name())
		fds = append(fds, n)
	}
	slices.Sort(fds)
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(fds), " ", ","), "[]"), err
}
