package procfs

import (
	"errors"
	"io/fs"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Slurp reads what fits into buf of a small file under /proc; os.ReadFile would cost three system calls more. The path
// is looked up in the open directory dir, or from unix.AT_FDCWD.
func Slurp(dir int, path string, buf []byte) ([]byte, error) {
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Openat(dir, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n := 0
	err = retry(func() (err error) {
		n, err = unix.Read(fd, buf)
		return err
	})
	return buf[:max(n, 0)], err
}

// Whole reads a file of the kernel's to its end. Unlike os.ReadFile it does not ask the runtime's poller to watch that first.
func Whole(path string) ([]byte, error) {
	fd, err := OpenFile(path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	text := make([]byte, 0, 2048)
	for {
		var n int
		err := retry(func() (err error) {
			n, err = unix.Read(fd, text[len(text):cap(text)])
			return err
		})
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: path, Err: err}
		}
		if n <= 0 {
			return text, nil
		}
		if text = text[:len(text)+n]; len(text) == cap(text) {
			text = append(text, 0)[:len(text)]
		}
	}
}

// OpenFile opens a file of the kernel's for this program alone; nor does the poller watch it.
func OpenFile(path string, flags int) (fd int, err error) {
	err = retry(func() (err error) {
		fd, err = unix.Open(path, flags|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}

func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Again repeats a look into /proc that found nothing of a process, or only a part of it. When a thread that is not the
// first executes a program, it takes over the number of the first one, which has ended. A look at that moment finds the
// first one put away: without threads, group and session, under the number that the other one had, or nothing.
func Again[T any](look func() (found T, whole bool, err error)) (T, error) {
	for try := 1; ; try++ {
		found, whole, err := look()
		if whole || err != nil && (!gone(err) || try == 3) || try == 10 {
			return found, err
		}
		if err == nil && try > 2 { // on a busy machine it may do so in step with the looks
			time.Sleep(time.Millisecond)
		}
	}
}

func gone(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) }

// ReadStat reads the proc_pid_stat(5) of the process or thread with that number: unix.ESRCH if it is of another.
func ReadStat(dir int, path string, pid int) (Stat, error) {
	st, err := Again(func() (Stat, bool, error) {
		var buf [1024]byte
		line, err := Slurp(dir, path, buf[:])
		if err != nil {
			return Stat{}, false, err
		}
		st, err := ParseStat(line)
		return st, err == nil && st.PID == pid && st.Threads > 0, err
	})
	if err == nil && st.PID != pid {
		return Stat{}, unix.ESRCH
	}
	return st, err
}

// StatOf reads what is of the process only if something else proves it: the number may change hands any time.
func StatOf(pid int) (Stat, error) {
	return ReadStat(unix.AT_FDCWD, "/proc/"+strconv.Itoa(pid)+"/stat", pid)
}

// ReadUsers reads the proc_pid_status(5) of the process or thread with that number: unix.ESRCH if it is of another.
func ReadUsers(dir int, path string, pid int) (Users, error) {
	us, err := Again(func() (Users, bool, error) {
		var buf [4096]byte
		text, err := Slurp(dir, path, buf[:])
		if err != nil {
			return Users{}, false, err
		}
		us, err := ParseUsers(text)
		return us, err == nil && us.PID == pid, err
	})
	if err == nil && us.PID != pid {
		return Users{}, unix.ESRCH
	}
	return us, err
}

// PidfdNumber is the number under which /proc shows the process of a pidfd, as its fdinfo tells: 0 if not at all.
func PidfdNumber(fd int) (number int, ok bool) {
	var buf [512]byte
	text, err := Slurp(unix.AT_FDCWD, "/proc/self/fdinfo/"+strconv.Itoa(fd), buf[:])
	if err != nil {
		return 0, false
	}
	number, err = strconv.Atoi(string(Field(text, "Pid:")))
	return number, err == nil
}

// Arguments are the first of a process, each with a NUL behind it: those within n bytes of the second one, and at least a page. It
// can write others there itself. Like StatOf, it reads what is of the process only if something else proves it.
func Arguments(pid, n int) string {
	buf := make([]byte, 4096+n)
	text, _ := Slurp(unix.AT_FDCWD, "/proc/"+strconv.Itoa(pid)+"/cmdline", buf)
	return string(text)
}
