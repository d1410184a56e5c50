package resolve

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"
)

// OpenFd opens the file of the place: with O_NOFOLLOW, O_CLOEXEC, O_NONBLOCK and O_NOCTTY, and again if a signal
// interrupts it. With O_CREAT but not O_EXCL it opens what is there first and creates only what is missing, since
// fs.protected_regular (proc_sys_fs(5)) refuses even root an O_CREAT open of a user's file in a sticky directory. A
// symbolic link is an *Unsafe. It asks the gate nothing.
func (p *Place) OpenFd(flags int, perm uint32) (int, error) {
	fd, _, err := p.open(flags, perm)
	return fd, err
}

func (p *Place) open(flags int, perm uint32) (fd int, made bool, err error) {
	flags |= unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
	if !p.magic {
		flags |= unix.O_NOFOLLOW
	}
	attempt := func(flags int) (int, error) {
		p.policy.before("openat")
		return retry(func() (int, error) { return unix.Openat(p.fd, p.Name, flags, perm) })
	}
	exclusive := flags&(unix.O_CREAT|unix.O_EXCL) == unix.O_CREAT|unix.O_EXCL
	for range maxLooks {
		if !exclusive {
			if fd, err = attempt(flags &^ unix.O_CREAT); err != unix.ENOENT || flags&unix.O_CREAT == 0 {
				break
			}
		}
		if fd, err = attempt(flags | unix.O_EXCL); err != unix.EEXIST || exclusive {
			made = err == nil
			break
		}
	}
	switch err {
	case nil:
		return fd, made, nil
	case unix.ELOOP, unix.EMLINK:
		if st, err := p.Stat(); err == nil {
			return -1, false, unsafeLink(p.File(), p.users, int(st.Uid), canUnlink(p.fd, &p.stat, int(st.Uid)))
		}
	case unix.ENXIO:
		return -1, false, &fs.PathError{Op: "open", Path: p.Path, Err: errors.New("a FIFO that no process reads, or a socket")}
	}
	return -1, false, &fs.PathError{Op: "open", Path: p.Path, Err: err}
}

// Open is OpenFd, in blocking mode.
func (p *Place) Open(flags int, perm uint32) (*os.File, error) {
	fd, err := p.OpenFd(flags, perm)
	if err != nil {
		return nil, err
	}
	return p.asFile(fd)
}

func (p *Place) asFile(fd int) (*os.File, error) {
	if err := unix.SetNonblock(fd, false); err != nil {
		unix.Close(fd)
		return nil, &fs.PathError{Op: "open", Path: p.Path, Err: err}
	}
	return os.NewFile(uintptr(fd), p.Path), nil
}

// OpenLog opens a file for appending, after emptying it if told to: then two names for it, or a rotation that truncates,
// do no harm. It is created, with mode 0644 less the umask, if it is missing; made says so. Links are followed by the rule
// of Walk, magic ones too (/dev/stdout). All who determined the place must be able to append to the file themselves, or be
// among those also trusted.
func OpenLog(path string, truncate bool, also ...int) (f *os.File, made bool, err error) {
	p, err := Walk(path, Policy{Follow: true, Magic: true})
	if errors.Is(err, fs.ErrNotExist) {
		err = &fs.PathError{Op: "open", Path: path, Err: unix.ENOENT} // which log it is says more than which directory
	}
	if err != nil {
		return nil, false, err
	}
	defer p.Close()
	for range maxLooks {
		fd, err := p.OpenFd(unix.O_WRONLY|unix.O_APPEND, 0)
		if errors.Is(err, fs.ErrNotExist) {
			if err = p.Word().May(Create, p.Entry(nil, -1), also...); err == nil {
				fd, err = p.OpenFd(unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_EXCL, 0o644)
			}
			if errors.Is(err, fs.ErrExist) {
				continue
			}
			if err == nil {
				f, err = p.asFile(fd)
			}
			return f, err == nil, err
		}
		if err != nil {
			return nil, false, err
		}
		if err = p.admit(fd, truncate, also); err != nil {
			unix.Close(fd)
			return nil, false, err
		}
		f, err = p.asFile(fd)
		return f, false, err
	}
	return nil, false, &fs.PathError{Op: "open", Path: path, Err: unix.EAGAIN}
}

// admit asks the gate about the log that is open as fd, and empties it if told to.
func (p *Place) admit(fd int, truncate bool, also []int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: p.Path, Err: err}
	}
	word, entry := append(p.Word(), p.FileWord(&st, fd)...), p.Entry(&st, fd)
	if err := word.May(Append, entry, also...); err != nil || !truncate || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return err
	}
	err := word.May(Truncate, entry, also...)
	if err == nil {
		if err = unix.Ftruncate(fd, 0); err != nil {
			err = &fs.PathError{Op: "truncate", Path: p.Path, Err: err}
		}
	}
	return err
}

// Quote is a shell's command line in which path is one word and no option.
func Quote(command, path string) string {
	plain := func(r rune) bool {
		return strings.ContainsRune("%+,-./:=@_", r) || unicode.IsLetter(r) || unicode.IsDigit(r)
	}
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	if strings.ContainsFunc(path, func(r rune) bool { return !plain(r) }) {
		path = "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return command + " " + path
}
