package pidfile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
)

// Write makes the reserved file name p, whole and with its record, in one step; what stood there before is unharmed
// if that fails. A file that names p already is left as it is. ErrNotFound: p has ended. ErrChanged: somebody
// without a lock has written to the file since it was reserved.
//
// Nothing is synced to the disk: after a crash of the machine no pidfile means anything.
func (r *Reservation) Write(p *proc.Handle) error {
	if err := mustLive(p); err != nil {
		return err
	}
	id, err := p.Identity()
	if err != nil {
		return err
	}
	if r.names(p) {
		r.Recorded = true
		return nil
	}
	if !r.inPlace {
		err = r.replace(id)
	}
	if r.inPlace || r.Holder.State != Absent && refused(err) {
		err = r.overwrite(id)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.place.path, err)
	}
	r.written, _, _ = r.place.read(Rules{AllowInsecure: true}) // only Remove wants it
	return nil
}

// attach gives the open file all that goes with its content, and counts once that agrees.
func (r *Reservation) attach(fd int, id proc.Identity) (err error) {
	r.Recorded, err = setRecord(fd, id.String())
	if err == nil && r.Attach != nil {
		err = r.Attach(fd, id)
	}
	return err
}

// names says that the file is p's already, with its record.
func (r *Reservation) names(p *proc.Handle) bool {
	if p == nil || r.Holder.seen.content != string(format(p.PID())) {
		return false
	}
	id, err := p.Identity()
	return err == nil && r.Holder.seen.record == id.String()
}

// Remove takes back what was written, so that the file is gone.
func (r *Reservation) Remove() error {
	if r.written == nil {
		return nil
	}
	return r.place.remove(*r.written)
}

// LockFile opens the file that was written and locks it, for a process that inherits the descriptor and holds the
// lock for life, as some daemons do with their pidfiles.
func (r *Reservation) LockFile() (*os.File, error) {
	fd, err := unix.Openat(r.place.fd, r.place.name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: r.place.path, Err: err}
	}
	f := os.NewFile(uintptr(fd), r.place.path)
	if l := r.locks.file; l != nil { // on this very file where that was written in place
		l.Unlock()
		r.locks.file = nil
	}
	if err := hold(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", r.place.path, err)
	}
	return f, nil
}

// mustLive fails with ErrNotFound if p has ended.
func mustLive(p *proc.Handle) error {
	alive, err := p.Alive()
	if err == nil && !alive {
		err = fmt.Errorf("process %d: %w", p.PID(), proc.ErrNotFound)
	}
	return err
}

// refused says that the directory cannot be written to.
func refused(err error) bool {
	return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EROFS)
}

// temporary starts the names of files that are about to become pidfiles.
const temporary = ".pidbox-"

// replace writes a new file and gives it the name of the old one.
func (r *Reservation) replace(id proc.Identity) error {
	p := r.place
	random := make([]byte, 8)
	rand.Read(random) // never fails; nobody can have put something in the way of a name that nobody can guess
	tmp := temporary + hex.EncodeToString(random)
	fd, err := unix.Openat(p.fd, tmp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	defer unix.Unlinkat(p.fd, tmp, 0) // nothing is left of it after a rename
	r.sweep(tmp)
	if err = r.attach(fd, id); err == nil { // before the mode, which may forbid it
		err = fill(fd, format(id.PID))
	}
	if err == nil && r.mode != 0 {
		err = unix.Fchmod(fd, uint32(r.mode.Perm()))
	}
	if closed := unix.Close(fd); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if r.Holder.State == Absent { // nothing is put over a file that somebody made meanwhile
		if err = renameNew(p.fd, tmp, p.name); err != nil && err != unix.EEXIST {
			err = unix.Linkat(p.fd, tmp, p.fd, p.name, 0)
		}
		switch err {
		case nil:
			return nil
		case unix.EEXIST:
			return ErrChanged
		} // no links on this file system
	}
	if err := p.unchanged(r.Holder.seen); err != nil {
		return err
	}
	return unix.Renameat(p.fd, tmp, p.fd, p.name)
}
