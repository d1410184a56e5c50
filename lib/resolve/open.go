package resolve

import (
	"errors"
	"io/fs"
	"os"

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
		err = errors.New("a FIFO that no process reads, or a socket")
	}
	return -1, false, &fs.PathError{Op: "open", Path: p.Path, Err: err}
}

// opening is the error of a walk to a file that was to be opened: it names the file, not the directory that is
// missing.
func opening(path string, err error) error {
	if walk, ok := err.(*fs.PathError); ok {
		return &fs.PathError{Op: "open", Path: path, Err: walk.Err}
	}
	return err
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
