package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Names in the member's directory that are the agent's.
const (
	logName     = "member.log"
	archiveName = "archive"
)

// data lists what in the directory is the member's.
func (a *Agent) data() ([]string, error) {
	dir, err := a.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	info, err := dir.Stat()
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	mine := []string{logName, archiveName}
	for _, path := range append(slices.Clone(a.Mine), a.PIDFile) {
		if path == "" {
			continue
		}
		name, err := within(info, path)
		if err != nil {
			return nil, err
		}
		mine = append(mine, name)
	}
	slices.Sort(names)
	return slices.DeleteFunc(names, func(n string) bool { return slices.Contains(mine, n) }), nil
}

// within is the name in a directory by which path is reached, however either is spelled; "" if it lies elsewhere.
func within(dir fs.FileInfo, path string) (name string, err error) {
	above, err := filepath.EvalSymlinks(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil // it is nowhere
	}
	if err == nil {
		above, err = filepath.Abs(above)
	}
	for path = filepath.Base(path); err == nil; above, path = filepath.Dir(above), filepath.Base(above) {
		info, err := os.Stat(above)
		switch {
		case err != nil:
			return "", err
		case os.SameFile(info, dir):
			return path, nil
		case above == filepath.Dir(above):
			return "", nil
		}
	}
	return "", err
}

// wipe removes the member's data. Its log and the archives stay.
func (a *Agent) wipe() error {
	names, err := a.data()
	for _, n := range names {
		err = errors.Join(err, a.root.RemoveAll(n))
	}
	if err != nil {
		return fmt.Errorf("wipe %s: %w", a.Dir, err)
	}
	return a.settleDisk()
}

// moveAway moves the member's data and log to DIR/archive/TIME-N and names that place.
func (a *Agent) moveAway() (string, error) {
	names, err := a.data()
	if err != nil {
		return "", err
	}
	if err := a.root.Mkdir(archiveName, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	to := ""
	for n := 1; ; n++ {
		to = filepath.Join(archiveName, fmt.Sprintf("%s-%d", time.Now().UTC().Format("20060102T150405Z"), n))
		if err := a.root.Mkdir(to, 0o755); err == nil {
			break
		} else if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	for _, n := range append(names, logName) {
		if err := a.root.Rename(n, filepath.Join(to, n)); err != nil && !(n == logName && errors.Is(err, fs.ErrNotExist)) {
			return "", fmt.Errorf("archive %s: %w", n, err)
		}
	}
	return filepath.Join(a.Dir, to), a.settleDisk()
}
