package resolve

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// kind is what has a name.
type kind int

const (
	nothing   kind = iota
	file           // or a device, a socket, ...
	directory      // not to be entered as a link
	textLink       // a symbolic link, which leads where its text says
	magicLink      // one of procfs, which leads to what a process has open
)

// link reads the link called part. Its owner and its text are of one and the same link.
func (w *walker) link(part, name string) (target string, is kind, owner int, err error) {
	w.policy.before("readlinkat")
	target, st, err := readLink(w.fd, part)
	switch {
	case err == unix.ENOENT:
		return "", nothing, 0, nil
	case err != nil:
		return "", nothing, 0, &fs.PathError{Op: "look at", Path: name, Err: err}
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return "", directory, 0, nil
	case st.Mode&unix.S_IFMT != unix.S_IFLNK:
		return "", file, 0, nil
	case w.procfs && w.stat.Ino != procRoot: // /proc/self and /proc/mounts are plain ones
		return "", magicLink, int(st.Uid), nil
	case target == "":
		return "", nothing, 0, &fs.PathError{Op: "enter", Path: name, Err: unix.ENOENT}
	}
	return target, textLink, int(st.Uid), nil
}

// mayFollow judges a link that is to be followed.
func (w *walker) mayFollow(part string, is kind, owner int) error {
	if w.links++; w.links > maxLinks {
		return &fs.PathError{Op: "enter", Path: w.full(part), Err: unix.ELOOP}
	}
	switch {
	case w.policy.Insecure:
	case !w.users.trusts(owner): // he can exchange it, where he cannot exchange what it leads to
		return unsafeLink(w.full(part), w.users, owner, w.canUnlink(owner))
	case is == magicLink && !w.policy.Magic:
		return &Unsafe{Path: w.full(part), Reason: "is a magic link of /proc, whose text is not where it leads",
			Hint: "name the file by a path outside of /proc"}
	}
	return nil
}

// unsafeLink is a link that is not followed: a stranger's, or any where a file should be.
func unsafeLink(path string, users *accounts, owner int, removable bool) error {
	hint := Quote("rm", path)
	switch {
	case users.trusts(owner): // somebody may follow the hint to remove /dev/stdout
		hint = "name the file that it points to"
	case !removable:
		hint = "use a path without that link"
	}
	reason := "is a symbolic link of " + users.name(owner) + ", which can point anywhere"
	return &Unsafe{Path: path, Reason: reason, Hint: hint}
}

// canUnlink reports whether the caller could remove a file of that owner from the directory.
func (w *walker) canUnlink(owner int) bool { return canUnlink(w.fd, &w.stat, owner) }

func canUnlink(dir int, st *unix.Stat_t, owner int) bool {
	if unix.Faccessat(dir, ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS) != nil {
		return false
	}
	return st.Mode&unix.S_ISVTX == 0 || isCaller(0) || isCaller(owner) || isCaller(int(st.Uid))
}
