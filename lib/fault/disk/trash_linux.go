package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

type trash struct {
	dir string
	n   int
}

func newTrash(root string) (*trash, error) {
	t := &trash{dir: filepath.Join(root, trashName)}
	if err := os.RemoveAll(t.dir); err != nil { // of a process that was killed: what it held counts as removed
		return nil, err
	}
	return t, nil
}

// hold keeps the file at path, which is about to lose that name, and gives it back under its name when undo is called.
func (t *trash) hold(path string) (undo func() error, err error) {
	if err := os.Mkdir(t.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	t.n++
	kept := filepath.Join(t.dir, strconv.Itoa(t.n))
	if err := os.Link(path, kept); err != nil {
		return nil, err
	}
	return func() error { return os.Rename(kept, path) }, nil
}

func (t *trash) empty() { _ = os.RemoveAll(t.dir) }
