package lab

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/sys/unix"
)

// Record is the attribute in which a claim says who the process was.
const Record = "user.pidbox.claim"

// Counterfeit gives a pidfile the record of another, with the time, the directory and the path that fit the new place:
// what the owner of that can write, who has seen the other or guesses well.
func Counterfeit(from, to string) error {
	record := make([]byte, 4096)
	n, err := unix.Lgetxattr(from, Record, record)
	if err != nil {
		return fmt.Errorf("the record of %s: %w", from, err)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(to))
	if err != nil {
		return err
	}
	var file, in unix.Stat_t
	if err := errors.Join(unix.Lstat(to, &file), unix.Lstat(dir, &in)); err != nil {
		return err
	}
	text := string(record[:n])
	for key, value := range map[string]string{
		"changed": fmt.Sprint(time.Unix(file.Mtim.Unix()).UnixNano()),
		"dir":     fmt.Sprintf("%d:%d", in.Dev, in.Ino),
		"path":    filepath.Join(dir, filepath.Base(to)),
	} {
		text = regexp.MustCompile(`\b`+key+`=\S+`).ReplaceAllLiteralString(text, key+"="+value)
	}
	return unix.Lsetxattr(to, Record, []byte(text), 0)
}
