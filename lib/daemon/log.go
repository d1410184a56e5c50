package daemon

import (
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"pidbox/lib/spawn"
)

// OpenLog opens a file for append, for a process that is to outlive its caller; see openLog for what it refuses. One that
// was not there is made, and belongs to the user who is to write to it; nil is the caller.
func OpenLog(path string, user *spawn.User) (*os.File, error) { return openLog(path, false, user) }

// openLog opens a file for append, also after emptying it: then two names for it, or a rotation that truncates, do no
// harm. The caller may be root and a directory on the way a service user's, who could put a symbolic link there that
// makes root write anywhere: links of other users are not followed.
func openLog(path string, truncate bool, user *spawn.User) (*os.File, error) {
	flags := unix.O_CREAT
	if truncate {
		flags |= unix.O_TRUNC
	}
	return openAs(path, flags, user)
}

// openAs opens a log with more flags than a log always has.
func openAs(path string, flags int, user *spawn.User) (*os.File, error) {
	w := &way{fd: unix.AT_FDCWD, flags: flags | unix.O_WRONLY | unix.O_APPEND | unix.O_NOCTTY | unix.O_NONBLOCK | unix.O_CLOEXEC, user: user}
	defer w.close()
	fd, err := w.to(path)
	if err == unix.ENXIO {
		return nil, fmt.Errorf("%s: a FIFO that nobody reads, or a socket", path)
	}
	if errno, ok := err.(unix.Errno); ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errno}
	}
	if err == nil {
		err = unix.SetNonblock(fd, false) // it was for a FIFO without a reader
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// way is the way to a log, one component at a time: each directory is stood on, so that nobody can exchange what has been
// looked at.
type way struct {
	fd    int    // where it stands
	dir   string // the name of that, with a slash
	links int
	flags int // to open the log with
	user  *spawn.User
}

func (w *way) close() {
	if w.fd >= 0 {
		unix.Close(w.fd)
	}
}

// to follows path, from where it stands or from the root, and opens what it ends with.
func (w *way) to(path string) (int, error) {
	for {
		if strings.HasPrefix(path, "/") {
			if err := w.enter("/", "/", 0); err != nil {
				return -1, err
			}
		}
		part, rest, more := strings.Cut(strings.TrimLeft(path, "/"), "/")
		if part == "" {
			part = "." // as it ends with a slash; it is no file
		}
		link, noFollow, err := w.link(part)
		switch {
		case err != nil:
			return -1, err
		case link != "" && more:
			path = link + "/" + rest
		case link != "":
			path = link
		case !more:
			return w.log(part, noFollow)
		default:
			if err := w.enter(part, w.dir+part+"/", noFollow); err != nil {
				return -1, err
			}
			path = strings.TrimLeft(rest, "/")
		}
	}
}

// log opens the log itself, and makes it only if it is not there: the kernel keeps even root from O_CREAT on another
// user's file in a sticky directory (fs.protected_regular in proc_sys_fs(5)), and who made it is known.
func (w *way) log(part string, noFollow int) (int, error) {
	const tries = 10 // of the two, where somebody makes and removes it meanwhile
	for try := 0; ; try++ {
		fd, err := open(w.fd, part, w.flags&^unix.O_CREAT|noFollow)
		if err != unix.ENOENT || w.flags&unix.O_CREAT == 0 || try == tries {
			return fd, err
		}
		fd, err = open(w.fd, part, w.flags|unix.O_EXCL|noFollow)
		switch {
		case err == unix.EEXIST && try < tries:
		case err != nil:
			return -1, err
		default:
			return fd, w.give(fd, part)
		}
	}
}

// give makes a new log the user's.
func (w *way) give(fd int, part string) error {
	if w.user == nil || w.user.UID == os.Geteuid() {
		return nil
	}
	if err := unix.Fchown(fd, w.user.UID, w.user.GID); err != nil {
		unix.Close(fd)
		_ = unix.Unlinkat(w.fd, part, 0)
		return err
	}
	return nil
}

// open is openat(2), again if a signal ends it.
func open(dir int, name string, flags int) (int, error) {
	for {
		if fd, err := unix.Openat(dir, name, flags, 0o644); err != unix.EINTR {
			return fd, err
		}
	}
}

// enter stands on a directory.
func (w *way) enter(part, dir string, flags int) error {
	fd, err := open(w.fd, part, dirFlags|flags)
	if err != nil {
		return err
	}
	w.close()
	w.fd, w.dir = fd, dir
	return nil
}

// link is where a symbolic link leads that only root or the caller can have made, "" if part is none. The magic ones of
// /proc, as /dev/stdout has it, lead to open files and not to names: the kernel is to follow those.
func (w *way) link(part string) (target string, noFollow int, err error) {
	if strings.HasPrefix(w.dir, "/proc/") {
		return "", 0, nil
	}
	var st unix.Stat_t
	if unix.Fstatat(w.fd, part, &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Mode&unix.S_IFMT != unix.S_IFLNK {
		return "", unix.O_NOFOLLOW, nil // what is wrong with it is found when it is opened
	}
	if w.links++; w.links > 40 { // as in path_resolution(7)
		return "", 0, &fs.PathError{Op: "open", Path: w.dir + part, Err: unix.ELOOP}
	}
	if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return "", 0, &UnsafeLogError{Path: w.dir + part, UID: int(st.Uid)}
	}
	buf := make([]byte, 4096)
	n, err := unix.Readlinkat(w.fd, part, buf)
	return string(buf[:max(n, 0)]), 0, err
}

// UnsafeLogError is a log file that is another user's symbolic link, or could become one.
type UnsafeLogError struct {
	Path   string
	UID    int
	Reason string // instead, if not empty
}

func (e *UnsafeLogError) Error() string {
	if e.Reason != "" {
		return e.Path + ": " + e.Reason
	}
	return fmt.Sprintf("%s: is a symbolic link of the user %d, which could lead anywhere", e.Path, e.UID)
}
