package supervise

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"pidbox/lib/pidfile"
	"pidbox/lib/resolve"
)

// recordLimit is far above what a record takes.
const recordLimit = 4096

// attribute is where the record of a child is kept with its pidfile.
const attribute pidfile.Attribute = "command"

// beside is where the record of a child is kept: in an extended attribute of its pidfile, which goes with that, or where
// there are none in a hidden file in the same directory.
type beside struct {
	pidfile string
	policy  resolve.Policy
}

// beside is where the record of this service's child is.
func (s *Service) beside() beside {
	rules := s.Rules
	if user := s.program.command.User; user != nil {
		rules = rules.Trusting(user.UID)
	}
	return beside{s.PidFile, resolve.Policy{Insecure: rules.AllowInsecure, Trust: rules.Trust}}
}

// save keeps r with the pidfile, of which the caller holds the lock.
func (b beside) save(r record) error {
	p, err := resolve.Walk(b.pidfile, b.policy)
	if err != nil {
		return err
	}
	defer p.Close()
	f, err := p.Open(os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return b.keep(p, int(f.Fd()), r)
}

// attach keeps r with the open file that is about to be the pidfile.
func (b beside) attach(fd int, r record) error {
	p, err := resolve.Walk(b.pidfile, b.policy)
	if err != nil {
		return err
	}
	defer p.Close()
	return b.keep(p, fd, r)
}

func (b beside) keep(p *resolve.Place, fd int, r record) error {
	if kept, _ := attribute.Write(fd, r.String()); kept {
		return nil
	} // else the file system has no attributes, or no room for another one
	hidden := p.Beside(hiddenName(p))
	st, err := hidden.Stat()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := p.Word().May(resolve.Replace, hidden.Entry(st, -1), b.policy.Trust...); err != nil {
		return err
	}
	tmp := hidden.Beside(unfinished(p)) // who reads it meanwhile reads the old one
	if err := errors.Join(b.remove(tmp), write(tmp, r.String())); err != nil {
		return err
	}
	if err := unix.Renameat(p.Fd(), tmp.Name, p.Fd(), hidden.Name); err != nil {
		return &fs.PathError{Op: "rename", Path: tmp.Path, Err: err}
	}
	return nil
}

// load reads what save kept; fs.ErrNotExist says that there is nothing.
func (b beside) load() (record, error) {
	p, err := resolve.Walk(b.pidfile, b.policy)
	if err != nil {
		return record{}, err
	}
	defer p.Close()
	f, err := p.Open(os.O_RDONLY, 0)
	if err != nil {
		return record{}, err
	}
	defer f.Close()
	text := attribute.Read(int(f.Fd()))
	if text == "" {
		text, err = readHidden(p, f)
	}
	if err != nil {
		return record{}, err
	}
	return parseRecord(text)
}

// forget removes the hidden file, and what one that was killed has left of a new one.
func (b beside) forget() error {
	p, err := resolve.Walk(b.pidfile, b.policy)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	defer p.Close()
	return errors.Join(b.remove(p.Beside(hiddenName(p))), b.remove(p.Beside(unfinished(p))))
}

func hiddenName(p *resolve.Place) string { return "." + p.Name + ".command" }

func unfinished(p *resolve.Place) string { return hiddenName(p) + ".new" }

func (b beside) remove(p *resolve.Place) error {
	st, err := p.Stat()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = p.Word().May(resolve.Unlink, p.Entry(st, -1), b.policy.Trust...)
	}
	if err != nil {
		return err
	}
	if err := unix.Unlinkat(p.Fd(), p.Name, 0); err != nil && err != unix.ENOENT {
		return &fs.PathError{Op: "remove", Path: p.Path, Err: err}
	}
	return nil
}

func write(p *resolve.Place, text string) error {
	f, err := p.Open(os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// readHidden reads the hidden file beside the pidfile. It must be as trustworthy as that: a plain file, which only those can
// have written who could act as the pidfile's owner.
func readHidden(p *resolve.Place, pidfile *os.File) (string, error) {
	hidden := p.Beside(hiddenName(p))
	f, err := hidden.Open(os.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var of, st unix.Stat_t
	if err := errors.Join(unix.Fstat(int(pidfile.Fd()), &of), unix.Fstat(int(f.Fd()), &st)); err != nil {
		return "", err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Uid != of.Uid {
		return "", fmt.Errorf("%s: not a file of the pidfile's owner", hidden.Path)
	}
	owner := resolve.Process{RUID: int(of.Uid), SUID: int(of.Uid)}
	if err := hidden.FileWord(&st, int(f.Fd())).May(resolve.Signal, owner); err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, recordLimit))
	return string(text), err
}
