package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"pidbox/lib/passwd"
	"pidbox/lib/proc/procfs"
)

// State is the letter of proc_pid_stat(5) field 3.
type State = procfs.State

// Credentials are the users of a process; -1 where not known.
type Credentials struct {
	RUID int // the real user
	EUID int // the effective user: the one it acts as
	SUID int // the saved user
}

// nobody is what is known of hidden ones.
func nobody() Credentials { return Credentials{-1, -1, -1} }

// Info is what a process is to those who look at it. Every field can be had of other users' processes except Exec,
// which is empty where the kernel does not show it. Without /proc, or where it hides the process, only the numbers are
// known.
type Info struct {
	PID     int
	Name    string    // the command's name, of which the kernel keeps 15 bytes
	Exec    string    // the path of the executable
	Deleted bool      // Exec has been unlinked or replaced since, by an upgrade perhaps
	UID     int       // the real user: this one and the saved one may signal it; -1 where not known
	EUID    int       // the effective user: the one it acts as; -1 where not known
	SUID    int       // the saved user; -1 where not known
	Started time.Time // on today's wall clock, to 10 ms: a clock stepped since the start moves it; zero where not known
	State   State
	Parent  int
	Group   int
	Session int

	file      fileID // of Exec
	elsewhere bool   // Exec was deleted, and is a path in another mount namespace
	caught    uint64 // the signals that have a handler: bit n-1 is signal n
	ignored   uint64 // those that are ignored
}

type fileID struct{ device, inode uint64 }

// UnreadableError says that a condition cannot be judged, because the caller may not see, or there is no /proc to see,
// what it is about. It is an fs.ErrPermission.
type UnreadableError struct{ What string }

func (e *UnreadableError) Error() string { return "its " + e.What + " cannot be read" }

// Unwrap makes it an fs.ErrPermission.
func (e *UnreadableError) Unwrap() error { return fs.ErrPermission }

// Conditions are what else a process must meet to be the one that a file without a record names. Empty ones hold.
type Conditions struct {
	Exec string // path of its executable: the same file, or the same path when that was replaced since
	Name string // its command's name; of a longer one the first 15 bytes count
	User string // its effective user, by name or number
}

// Empty says that there is nothing to meet.
func (c Conditions) Empty() bool { return c == Conditions{} }

// nameLimit is what the kernel keeps of a command's name.
const nameLimit = 15

// Meets reports whether the process meets all conditions, and if not, in words, which it does not. An error means that
// it could not be found out.
func (h *Handle) Meets(c Conditions) (ok bool, why string, err error) {
	if c.Empty() {
		return true, "", nil
	}
	info, err := h.Info()
	if err != nil {
		return false, "", err
	}
	if why, err = info.fails(c); err != nil {
		err = fmt.Errorf("process %d: %w", h.pid, err)
	}
	return why == "" && err == nil, why, err
}

// fails says which condition does not hold.
func (info Info) fails(c Conditions) (why string, err error) {
	if c.Name != "" {
		switch {
		case info.Name == "":
			return "", &UnreadableError{"name"}
		case info.Name != c.Name[:min(len(c.Name), nameLimit)]:
			return fmt.Sprintf("its name is %q, not %q", info.Name, c.Name), nil
		}
	}
	if c.User != "" {
		uid, err := userID(c.User)
		switch {
		case err != nil:
			return "", err
		case info.EUID < 0:
			return "", &UnreadableError{"user"}
		case info.EUID != uid:
			return fmt.Sprintf("its user is %d, not %s", info.EUID, c.User), nil
		}
	}
	if c.Exec != "" {
		switch {
		case info.Exec == "":
			return "", &UnreadableError{"executable"}
		case !info.runs(c.Exec):
			return fmt.Sprintf("its executable is %s, not %s", info.Exec, c.Exec), nil
		}
	}
	return "", nil
}

// Catches says whether the process has a handler for the signal; ErrNotFound if it was reaped, ErrNoProc where that cannot
// be found out.
func (h *Handle) Catches(s syscall.Signal) (bool, error) {
	info, err := h.Info()
	return err == nil && info.caught>>(uint(s)-1)&1 != 0, err
}

// Ignores says whether the process ignores the signal, with the errors of Catches.
func (h *Handle) Ignores(s syscall.Signal) (bool, error) {
	info, err := h.Info()
	return err == nil && info.ignored>>(uint(s)-1)&1 != 0, err
}

// runs says that the process runs the file at path, or one that was there before it was replaced.
func (info Info) runs(path string) bool {
	if id, ok := fileAt(path); ok && id == info.file {
		return true
	}
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	absolute, err := filepath.Abs(path)
	return err == nil && info.Deleted && !info.elsewhere && absolute == info.Exec
}

func userID(name string) (int, error) {
	if id, err := strconv.ParseUint(name, 10, 32); err == nil {
		return int(id), nil
	}
	u, err := passwd.ByName(name)
	if errors.Is(err, passwd.ErrUnknown) {
		return 0, fmt.Errorf("unknown user %s", name)
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(u.UID)
}
