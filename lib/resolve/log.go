package resolve

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

const appending = unix.O_WRONLY | unix.O_APPEND

// OpenLog opens a file for appending, after emptying it if told to: then two names for it, or a rotation that
// truncates, do no harm. It is created, with mode 0644 less the umask, if it is missing; made says so. So are missing
// directories, if the policy says how. Links are
// followed by the rule of Walk, magic ones too (/dev/stdout). All who determined the place must be able to append to
// the file themselves, or be among those whom the policy trusts.
func OpenLog(path string, truncate bool, policy Policy) (f *os.File, made bool, err error) {
	policy.Follow, policy.Magic = true, true
	p, err := walkTo(path, policy)
	if err != nil {
		return nil, false, opening(path, err)
	}
	defer p.Close()
	for range maxLooks {
		fd, err := p.OpenFd(appending, 0)
		if errors.Is(err, fs.ErrNotExist) {
			if err = p.Word().May(Create, p.Entry(nil, -1), p.policy.Trust...); err == nil {
				fd, err = p.OpenFd(appending|unix.O_CREAT|unix.O_EXCL, 0o644)
			}
			if errors.Is(err, fs.ErrExist) {
				continue
			}
			if err == nil {
				f, err = p.asFile(fd)
			}
			return f, err == nil, err
		}
		if err == nil {
			f, err = p.admitLog(fd, truncate)
		}
		return f, false, err
	}
	return nil, false, &fs.PathError{Op: "open", Path: path, Err: unix.EAGAIN}
}

// CheckLog fails as OpenLog would, and makes and empties nothing.
func CheckLog(path string, policy Policy) error {
	policy.Follow, policy.Magic, policy.DryRun = true, true, true
	p, err := walkTo(path, policy)
	switch {
	case errors.Is(err, fs.ErrNotExist) && policy.Make != 0:
		return nil
	case err != nil:
		return opening(path, err)
	}
	defer p.Close()
	fd, err := p.OpenFd(appending, 0)
	if err == nil {
		f, err := p.admitLog(fd, false)
		if err == nil {
			f.Close()
		}
		return err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := unix.Faccessat(p.fd, ".", mayChange, unix.AT_EACCESS); err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return p.Word().May(Create, p.Entry(nil, -1), p.policy.Trust...)
}

// admitLog asks the gate about the log that is open as fd, which it takes over, and empties it if told to.
func (p *Place) admitLog(fd int, truncate bool) (f *os.File, err error) {
	defer func() {
		if err != nil && f == nil {
			unix.Close(fd)
		}
	}()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: p.Path, Err: err}
	}
	word, entry := append(p.Word(), p.contentWord(&st, fd)...), p.Entry(&st, fd)
	err = word.May(Append, entry, p.policy.Trust...)
	if unsafe := (*Unsafe)(nil); errors.As(err, &unsafe) && st.Nlink > 1 && st.Mode&unix.S_IFMT == unix.S_IFREG {
		return nil, &Unsafe{p.Path, fmt.Sprintf("has another name, and %s %s", unsafe.Path, unsafe.Reason), Quote("rm", p.Path)}
	}
	if err != nil {
		return nil, err
	}
	if truncate && st.Mode&unix.S_IFMT == unix.S_IFREG {
		if err := word.May(Truncate, entry, p.policy.Trust...); err != nil {
			return nil, err
		}
		if err := unix.Ftruncate(fd, 0); err != nil {
			return nil, &fs.PathError{Op: "truncate", Path: p.Path, Err: err}
		}
	}
	return p.asFile(fd)
}

// contentWord is FileWord for a file that administrators may well give further names, in backups for example: those
// tell nothing if all who could have put it here are known by the directory.
func (p *Place) contentWord(st *unix.Stat_t, fd int) Word {
	mode := uint32(p.stat.Mode)
	anyMay := mode&unix.S_ISVTX != 0 && mode&0o022 != 0 // but replace nothing, so none of them is among the parties
	return p.FileWord(st, fd).Without(func(party Party) bool { return party.link && !anyMay })
}

// walkTo is Walk, and names the file where a directory is missing.
func walkTo(path string, policy Policy) (*Place, error) {
	p, err := Walk(path, policy)
	if errors.Is(err, fs.ErrNotExist) {
		err = &fs.PathError{Op: "open", Path: path, Err: unix.ENOENT}
	}
	return p, err
}
