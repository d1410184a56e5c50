package multicall

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"pidbox/lib/applet"
)

// What link did with a name.
type linked string

const (
	made      linked = "made"
	kept      linked = "kept"
	replaced  linked = "replaced"
	leftAlone linked = "left"
)

// link makes dir/name a link to the binary self: symbolic, and relative when both share the directory, or hard. A
// file that is no link to self or to an older pidbox is left alone. The new link is renamed into its place; a file
// that comes between the look and the rename would be lost, as with ln -f.
func link(self, dir, name string, hard bool) (linked, error) {
	path := filepath.Join(dir, name)
	did := made
	switch own, err := linkTo(path, self); {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, syscall.ENOTDIR):
		return "", fmt.Errorf("directory %s: %w", dir, syscall.ENOTDIR)
	case err != nil:
		return "", err
	case own == wanted(hard) || own == hardLink:
		return kept, nil
	case own == stranger:
		return leftAlone, nil
	default:
		did = replaced
	}
	temporary := filepath.Join(dir, fmt.Sprintf(".%s.%d", name, os.Getpid()))
	if err := place(self, dir, temporary, hard); err != nil {
		return "", explain(err, dir, path)
	}
	if err := os.Rename(temporary, path); err != nil {
		os.Remove(temporary)
		return "", err
	}
	return did, nil
}

func place(self, dir, temporary string, hard bool) error {
	if hard {
		return os.Link(self, temporary)
	}
	target := self
	if applet.SameFile(filepath.Dir(self), dir) {
		target = filepath.Base(self) // so that the directory may move, as a package's staging tree does
	}
	return os.Symlink(target, temporary)
}

func explain(err error, dir, path string) error {
	bare := errors.Unwrap(err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return applet.WithHint(fmt.Errorf("directory %s: %w", dir, bare), "mkdir -p %s", dir)
	case errors.Is(err, syscall.EXDEV):
		return applet.WithHint(fmt.Errorf("hard link %s: %w", path, bare), "leave --hard out, or copy pidbox into %s first", dir)
	}
	return fmt.Errorf("link %s: %w", path, bare)
}

// relation is what a file in the place of a link is to the binary.
type relation int

const (
	stranger relation = iota
	oldLink           // a symbolic link to some pidbox
	softLink          // a symbolic link to this one
	hardLink          // this one itself
)

func wanted(hard bool) relation {
	if hard {
		return hardLink
	}
	return softLink
}

func linkTo(path, self string) (relation, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return stranger, err
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		if applet.SameFile(path, self) {
			return hardLink, nil
		}
		return stranger, nil
	}
	target, err := os.Readlink(path)
	switch {
	case err != nil:
		return stranger, err
	case applet.SameFile(path, self):
		return softLink, nil
	case filepath.Base(target) == "pidbox":
		return oldLink, nil
	}
	return stranger, nil
}
