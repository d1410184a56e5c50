package pidfile

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links a path may lead through, as in path_resolution(7).
const maxLinks = 40

// walk is the way to a place, one component at a time: each is judged by its descriptor and then stood upon, so that
// it cannot be exchanged between the check and the use.
type walk struct {
	place
	rules  Rules
	claims bool // the file is to be claimed: it may be missing, and nothing unsafe is gone through
	create bool // missing directories are made
	links  int
}

// to walks to the directory of path and sets the name.
func (w *walk) to(full string) error {
	if err := w.root(); err != nil {
		return err
	}
	for rest := full; ; {
		part, after, more := strings.Cut(strings.TrimLeft(rest, "/"), "/")
		if !more {
			return w.last(part)
		}
		link, err := w.step(part)
		if err != nil {
			return err
		}
		if rest = after; link != "" {
			rest = link + "/" + after
			if strings.HasPrefix(link, "/") {
				if err := w.root(); err != nil {
					return err
				}
			}
		}
	}
}

// root starts at the root directory, keeping the judgements made on the way.
func (w *walk) root() error {
	fd, err := unix.Open("/", dirFlags, 0)
	if err != nil {
		return &fs.PathError{Op: "enter", Path: "/", Err: err}
	}
	return w.stand(fd, "/")
}

// stand makes fd the directory that the next step starts from.
func (w *walk) stand(fd int, dir string) error {
	w.close()
	w.fd, w.dir = fd, dir
	return w.judgeDir()
}

// step enters the directory called part, or gives where the symbolic link of that name leads.
func (w *walk) step(part string) (link string, err error) {
	if part == "" || part == "." {
		return "", nil
	}
	name := strings.TrimSuffix(w.dir, "/") + "/" + part
	for range maxLinks { // again when it was exchanged between two looks
		var st unix.Stat_t
		err = unix.Fstatat(w.fd, part, &st, unix.AT_SYMLINK_NOFOLLOW)
		if err == unix.ENOENT && w.claims {
			if err := entrust(w.writers, w.rules); err != nil { // nothing is made in a stranger's directory
				return "", err
			}
			made := w.writable()
			if w.create {
				made = unix.Mkdirat(w.fd, part, 0o755)
			}
			switch {
			case made != nil && made != unix.EEXIST:
				return "", &fs.PathError{Op: "make the directory", Path: name, Err: made}
			case w.create:
				continue
			}
		}
		if err == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK {
			return w.follow(part, name, &st)
		}
		var fd int
		if err == nil {
			fd, err = unix.Openat(w.fd, part, dirFlags|unix.O_NOFOLLOW, 0)
		}
		if err == unix.ELOOP {
			continue
		}
		if err != nil {
			return "", &fs.PathError{Op: "enter", Path: name, Err: err}
		}
		if part == ".." { // links have been followed: the words name the directory
			name = path.Dir(w.dir)
		}
		return "", w.stand(fd, name)
	}
	return "", &fs.PathError{Op: "enter", Path: name, Err: unix.EAGAIN}
}

// follow reads the symbolic link called part. Its owner could have made it lead anywhere.
func (w *walk) follow(part, name string, st *unix.Stat_t) (string, error) {
	if w.links++; w.links > maxLinks {
		return "", &fs.PathError{Op: "enter", Path: name, Err: unix.ELOOP}
	}
	buf := make([]byte, 4096)
	n, err := unix.Readlinkat(w.fd, part, buf)
	if err == nil && n == 0 {
		err = unix.ENOENT
	}
	if err != nil {
		return "", &fs.PathError{Op: "read the link", Path: name, Err: err}
	}
	w.writers = append(w.writers, writer{int(st.Uid), name, "is a symbolic link of ", mend("chown -h root", name)})
	return string(buf[:n]), nil
}

// last sets the name of the pidfile. A symbolic link in its place is followed only for reading, and only where the
// caller has waived the check.
func (w *walk) last(name string) error {
	if name == "" || name == "." || name == ".." {
		return &UnsafeError{Path: w.path, Reason: "is a directory, not a pidfile", Hint: "name a file in it"}
	}
	w.name = name
	var st unix.Stat_t
	err := unix.Fstatat(w.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case err == unix.ENOENT && w.claims:
		return nil
	case err != nil:
		return &fs.PathError{Op: "stat", Path: w.path, Err: err}
	case st.Mode&unix.S_IFMT != unix.S_IFLNK:
		return nil
	case w.claims || !w.rules.AllowInsecure:
		return &UnsafeError{Path: w.path, Reason: fmt.Sprintf("is a symbolic link of %s, which could lead anywhere", userName(int(st.Uid))), Hint: mend("rm", w.path)}
	}
	link, err := w.follow(name, w.file(), &st)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(link, "/") {
		link = w.dir + "/" + link
	}
	return w.to(link)
}
