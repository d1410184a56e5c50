//go:build linux

package testscripts

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"pidbox/testscripts/lab"
)

// filemode MODE FILE: FILE has exactly these permission bits, in octal.
func filemode(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "filemode mode file")
	var st unix.Stat_t
	ts.Check(unix.Lstat(ts.MkAbs(args[1]), &st))
	if got := fmt.Sprintf("%o", st.Mode&0o7777); got != strings.TrimLeft(args[0], "0") {
		ts.Fatalf("mode %s, want %s", got, args[0])
	}
}

// forge FILE KEY=VALUE...: changes fields of the record in the pidfile's extended attribute; a bare - removes it. The
// kernel's own record on the process goes as well, for who forges could not have made that.
func forge(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "forge file key=value... | -")
	ts.Check(forgeRecord(ts.MkAbs(args[0]), args[1:]...))
}

func forgeRecord(path string, fields ...string) error {
	if err := unbind(path); err != nil {
		return err
	}
	if fields[0] == "-" {
		return unix.Lremovexattr(path, lab.Record)
	}
	record := make([]byte, 4096)
	n, err := unix.Lgetxattr(path, lab.Record, record)
	if err != nil {
		return err
	}
	text := string(record[:n])
	for _, field := range fields {
		key, _, _ := strings.Cut(field, "=")
		re := regexp.MustCompile(`\b` + regexp.QuoteMeta(key) + `=\S+`)
		if !re.MatchString(text) {
			return fmt.Errorf("no field %s in the record %q", key, text)
		}
		text = re.ReplaceAllLiteralString(text, field)
	}
	return unix.Lsetxattr(path, lab.Record, []byte(text), 0)
}

// unbind removes what a claim wrote on the process that the pidfile names.
func unbind(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil // it has exited
	}
	defer unix.Close(fd)
	_ = unix.Fremovexattr(fd, "trusted.pidbox.file") // where it was bound
	return nil
}

// long NAME N [BASE]: sets $NAME to a path of N characters under BASE (the work directory), no component over 200.
func long(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "long name length [base]")
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	path := ts.MkAbs(strings.Join(args[2:], ""))
	for len(path) < n {
		path = filepath.Join(path, strings.Repeat("x", min(200, max(1, n-len(path)-1))))
	}
	ts.Setenv(args[0], path)
}
