package spawn

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// DefaultPath is searched when there is no PATH, as under env -i.
const DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// LookPath finds what execve(2) is to be given for name: a name with a slash is taken from dir, others are searched for
// in path, the value of a PATH. The result is absolute if dir is. The error is an *ExecError. Permission is judged by the
// mode bits alone, since another user may run it: the kernel has the last word at the exec.
func LookPath(name, path, dir string) (string, error) { return (*User)(nil).LookPath(name, path, dir) }

// LookPath is LookPath for a command that this user is to run, who may be able to reach what the caller cannot, as in a
// private directory on NFS: what the caller may not look at is left to the exec, if there is no other. A nil user is the
// caller.
func (u *User) LookPath(name, path, dir string) (string, error) {
	if strings.Contains(name, "/") {
		file := rooted(dir, name)
		if err := executable(file); err != nil && !(err.Reason == "" && u.MayReach(err.Errno)) {
			err.Path = name
			return "", err
		}
		return file, nil
	}
	if path == "" {
		path = DefaultPath
	}
	var denied *ExecError // as execvp(3): go on, and tell at the end
	unseen := ""
	for _, d := range filepath.SplitList(path) {
		file := rooted(dir, rooted(d, name))
		switch err := executable(file); {
		case name == "":
		case err == nil:
			return file, nil
		case unseen == "" && err.Reason == "" && u.MayReach(err.Errno):
			unseen = file
		case !err.NotFound && denied == nil:
			denied = err
		}
	}
	switch {
	case unseen != "":
		return unseen, nil
	case denied != nil:
		return "", denied
	}
	return "", &ExecError{Path: name, Errno: syscall.ENOENT, NotFound: true}
}

// MayReach says that a failure to look at a file may be the caller's alone. Root is denied by a network file system that
// does not trust it, which also says ESTALE, and without CAP_DAC_READ_SEARCH.
func (u *User) MayReach(err error) bool {
	return u != nil && u.UID != os.Geteuid() && (errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ESTALE))
}

func rooted(dir, name string) string {
	if dir == "" || filepath.IsAbs(name) {
		return name
	}
	return dir + "/" + strings.TrimPrefix(name, "./") // not cleaned: a/../b is not b where a is a symbolic link
}

func executable(file string) *ExecError {
	info, err := os.Stat(file)
	switch errno, _ := underlying(err); {
	case err != nil && (errno == syscall.ENOENT || errno == syscall.ENOTDIR):
		return &ExecError{Path: file, Errno: errno, NotFound: true}
	case err != nil:
		return &ExecError{Path: file, Errno: errno}
	case info.IsDir():
		return &ExecError{Path: file, Errno: syscall.EISDIR}
	case !info.Mode().IsRegular():
		return &ExecError{Path: file, Errno: syscall.EACCES, Reason: "permission denied (not a regular file)"}
	case info.Mode().Perm()&0o111 == 0:
		return &ExecError{Path: file, Errno: syscall.EACCES, Reason: "permission denied (no execute bit)"}
	}
	return nil
}

func underlying(err error) (syscall.Errno, bool) {
	if p, ok := err.(*fs.PathError); ok {
		err = p.Err
	}
	errno, ok := err.(syscall.Errno)
	return errno, ok
}
