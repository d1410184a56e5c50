package supervise

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// recordLimit is far above what a record takes.
const recordLimit = 4096

// saveRecord keeps r with the pidfile at path, of which the caller holds the lock: in an extended attribute, which goes
// with the file, or where there are none in a hidden file beside it.
func saveRecord(path string, r record) error {
	return keepBeside(path, r, setAttribute(path, r.String()))
}

// attachRecord keeps r with the open file that is about to be the pidfile at path.
func attachRecord(fd int, path string, r record) error {
	return keepBeside(path, r, setAttributeOf(fd, path, r.String()))
}

func keepBeside(path string, r record, err error) error {
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	tmp := unfinished(path)
	if err := errors.Join(removed(tmp), writeFile(tmp, r.String())); err != nil {
		return err
	}
	return os.Rename(tmp, besides(path))
}

// loadRecord reads what saveRecord kept; fs.ErrNotExist says that there is nothing.
func loadRecord(path string) (record, error) {
	text, err := attribute(path)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrNotExist) {
		text, err = readOwn(path)
	}
	if err != nil {
		return record{}, err
	}
	return parseRecord(text)
}

func forgetRecord(path string) error {
	return errors.Join(removed(besides(path)), removed(unfinished(path)))
}

// unfinished is what one that was killed has left.
func unfinished(path string) string { return besides(path) + ".new" }

func besides(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".command")
}

func removed(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func writeFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func owner(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

// readOwn reads the file beside the pidfile. It must be as trustworthy as the pidfile: a plain file of the same owner.
func readOwn(path string) (string, error) {
	pidfile, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	f, err := openNoFollow(besides(path))
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o022 != 0 || owner(info) != owner(pidfile):
		return "", fmt.Errorf("%s: not a private file of the pidfile's owner", f.Name())
	}
	text, err := io.ReadAll(io.LimitReader(f, recordLimit))
	return string(text), err
}
