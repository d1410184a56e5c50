package pidfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// place is where a pidfile is: a directory, held open so that it stays the same one, and a name in it.
type place struct {
	path    string // as the caller wrote it
	dir     string // the directory without symbolic links
	fd      int    // the directory
	name    string
	writers []writer // who could have put another file here
	members []writer // who could have done so as a member of a directory's group
	unsafe  error    // a directory on the way that everybody could have written
}

// file is the path of the pidfile without symbolic links in its directory.
func (p *place) file() string { return strings.TrimSuffix(p.dir, "/") + "/" + p.name }

func (p *place) close() {
	if p != nil && p.fd >= 0 {
		unix.Close(p.fd)
		p.fd = -1
	}
}

// writable fails if the caller may not make, exchange or remove files here.
func (p *place) writable() error {
	return unix.Faccessat(p.fd, ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS)
}

// changeable fails if the caller may neither exchange or remove the pidfile nor, where there is one, write into it.
func (p *place) changeable(exists bool) error {
	err := p.writable()
	if err != nil && exists && unix.Faccessat(p.fd, p.name, unix.W_OK, unix.AT_EACCESS) == nil {
		err = nil
	}
	return err
}

// maxPath is PATH_MAX of Linux, the end of the string included.
const maxPath = 4096

// locate finds the directory of file and opens it; nil without an error says that it is missing. With create, missing
// directories are made, 0755 less the umask.
func locate(file string, rules Rules, create bool) (*place, error) {
	return find(&walk{place: place{path: file, fd: -1}, rules: rules, claims: create, create: create})
}

func find(w *walk) (*place, error) {
	file := w.path
	full := file
	if !strings.HasPrefix(file, "/") {
		cwd, err := os.Getwd()
		if err != nil {
			return nil, fmt.Errorf("%s: the current directory: %w", file, err)
		}
		full = cwd + "/" + file
	}
	err := error(unix.ENAMETOOLONG)
	if len(full) < maxPath { // else a claim would make a thousand directories that nobody can name
		err = w.to(full)
	}
	if err == nil {
		return &w.place, nil
	}
	w.close()
	switch {
	case errors.Is(err, fs.ErrNotExist) && !w.create:
		return nil, nil
	case errors.Is(err, unix.ENAMETOOLONG):
		return nil, fmt.Errorf("a path of %d characters: %w", len(file), unix.ENAMETOOLONG)
	}
	return nil, err
}
