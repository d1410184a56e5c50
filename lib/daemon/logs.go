package daemon

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// logs are the files that a daemon writes to; nil is /dev/null.
type logs struct {
	out, err *os.File
	from     int64 // where the daemon's own part of the errors begins
}

func openLogs(out, errs string, truncate bool) (l logs, err error) {
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if out != "" {
		if l.out, err = openLog(out, truncate); err != nil {
			return l, err
		}
	}
	if errs != "" {
		if l.err, err = openLog(errs, truncate); err != nil {
			return l, err
		}
	}
	if f := l.told(); f != nil {
		if info, err := f.Stat(); err == nil {
			l.from = info.Size()
		}
	}
	return l, nil
}

// openLog opens a file for append, also after emptying it: then two names for it, or a rotation that truncates, do no
// harm. The caller may be root and the directory a service user's, who could put a symbolic link in the file's place
// that makes root write anywhere: links of other users are not followed.
func openLog(path string, truncate bool) (*os.File, error) {
	flags := os.O_CREATE
	if truncate {
		flags |= os.O_TRUNC
	}
	return openAs(path, flags)
}

// openAs opens a log with more flags than a log always has.
func openAs(path string, flags int) (*os.File, error) {
	flags |= os.O_WRONLY | os.O_APPEND | syscall.O_NOCTTY | syscall.O_NONBLOCK | syscall.O_NOFOLLOW
	file := path
	for range 40 { // symbolic links, as in path_resolution(7)
		f, err := os.OpenFile(file, flags, 0o644)
		switch {
		case err == nil:
			return f, syscall.SetNonblock(int(f.Fd()), false) // it was for a FIFO without a reader
		case errors.Is(err, syscall.ENXIO):
			return nil, fmt.Errorf("%s: a FIFO that nobody reads, or a socket", path)
		case !errors.Is(err, syscall.ELOOP):
			return nil, err
		}
		if file, err = follow(file); err != nil {
			return nil, err
		}
		if strings.HasPrefix(file, "/proc/") { // /dev/stdout: magic links lead to open files, not to names
			flags &^= syscall.O_NOFOLLOW
		}
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
}

// follow is where a symbolic link leads that only root or the caller can have made.
func follow(link string) (string, error) {
	info, err := os.Lstat(link)
	if err != nil {
		return "", err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return "", &UnsafeLogError{link, int(st.Uid)}
	}
	target, err := os.Readlink(link)
	if err != nil {
		return "", err
	}
	if now, err := os.Lstat(link); err != nil || !os.SameFile(info, now) {
		return "", &fs.PathError{Op: "open", Path: link, Err: syscall.ELOOP}
	}
	if !filepath.IsAbs(target) {
		target = filepath.Dir(link) + "/" + target
	}
	return target, nil
}

// UnsafeLogError is a log file that is another user's symbolic link.
type UnsafeLogError struct {
	Path string
	UID  int
}

func (e *UnsafeLogError) Error() string {
	return fmt.Sprintf("%s: is a symbolic link of the user %d, which could lead anywhere", e.Path, e.UID)
}

// told is the file that tells why a daemon died.
func (l *logs) told() *os.File {
	if l.err != nil {
		return l.err
	}
	return l.out
}

// tail is the last lines of what the daemon wrote there.
func (l *logs) tail() (path string, lines []string) {
	const most, bytes = 5, 4096
	f := l.told()
	if f == nil {
		return "", nil
	}
	file, err := os.Open(fmt.Sprintf("/dev/fd/%d", f.Fd())) // the same file, though it was renamed
	if err != nil {
		if file, err = os.Open(f.Name()); err != nil {
			return f.Name(), nil
		}
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return f.Name(), nil
	}
	from := max(l.from, info.Size()-bytes)
	text, _ := io.ReadAll(io.NewSectionReader(file, from, bytes))
	lines = strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if from > l.from && len(lines) > 1 {
		lines = lines[1:] // only the end of it was read
	}
	lines = lines[max(0, len(lines)-most):]
	if len(lines) == 1 && lines[0] == "" {
		lines = nil
	}
	return f.Name(), lines
}

func (l *logs) close() {
	for _, f := range []*os.File{l.out, l.err} {
		if f != nil {
			f.Close()
		}
	}
}
