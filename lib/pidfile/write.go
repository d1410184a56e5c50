package pidfile

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
	"pidbox/lib/random"
	"pidbox/lib/resolve"
)

// Write makes the reserved file name p, whole and with its record, in one step; what stood there before is unharmed
// if that fails. A file that names p already is left as it is. ErrNotFound: p has exited. ErrChanged: a program
// without a lock has written to the file since it was reserved.
//
// Nothing is synced to the disk: after a crash of the machine no pidfile means anything.
func (r *Reservation) Write(p *proc.Handle) error {
	if err := mustLive(p); err != nil {
		return err
	}
	id, err := r.Known, error(nil)
	if id == (proc.Identity{}) {
		id, err = p.Identity()
	}
	if err != nil {
		return err
	}
	if r.names(id) {
		r.Recorded = true
		r.bind(p)
		return nil
	}
	r.bind(p) // before the file has its name: a crash between leaves a process that is bound to a file without its PID
	if !r.inPlace {
		err = r.replace(id)
	}
	if r.inPlace || r.Holder.State != Absent && refused(err) {
		err = r.overwrite(id)
	}
	if err != nil {
		r.unbind(p)
		r.written = nil
		return withPath(r.place.Path, err)
	}
	r.Holder.sweep()
	return nil
}

// bind keeps the pidfile's directory and name with the process, where the kernel and the caller's privileges allow it.
func (r *Reservation) bind(p *proc.Handle) { r.Bound = bindTo(p, r.place) == nil }

func (r *Reservation) unbind(p *proc.Handle) {
	if r.Bound {
		unbindFrom(p, r.place)
		r.Bound = false
	}
}

// record writes the record of an open file whose content is complete, and keeps what Remove is to find.
func (r *Reservation) record(fd int, id proc.Identity, content []byte) error {
	s := snapshot{content: string(content)}
	if err := unix.Fstat(fd, &s.stat); err != nil {
		return err
	}
	s.modified = time.Unix(s.stat.Mtim.Unix())
	text := newRecord(r.place, id)
	text.Cgroup = r.rules.Cgroup
	text.Changed = s.modified.UnixNano()
	var err error
	if r.Recorded, err = claimed.Write(fd, text.String()); r.Recorded {
		s.record = text.String()
	}
	r.written = &s
	return err
}

// believed fails if pid-kill would not believe the claim, for want of the record that mayClaim counted on.
func (r *Reservation) believed() error {
	if r.Recorded || r.Bound || r.rules.AllowInsecure {
		return nil
	}
	return r.place.Word().May(resolve.Signal, ofRoot(), r.rules.Trust...)
}

// Remove takes back what was written, so that the file is gone.
func (r *Reservation) Remove() error {
	if r.written == nil {
		return nil
	}
	h := absent(r.place.Path, r.place, Rules{AllowInsecure: true}) // it is our own
	h.State, h.seen = Stale, *r.written
	return h.remove()
}

// temporary starts the names of files that are about to become pidfiles; random digits follow.
const (
	temporary       = ".pidbox-"
	temporaryDigits = 16
)

// replace writes a new file and gives it the name of the old one, and, where that is safe, its owner and mode. Only root
// can give a file away: for other callers it stays their own, since to write into the old one instead would give up that a
// claim is one step.
func (r *Reservation) replace(id proc.Identity) error {
	p := r.place
	tmp := temporary + random.Text(temporaryDigits/2) // nobody can have put something in the way of a name that nobody can guess
	fd, err := create(p.Fd(), tmp)
	if err != nil {
		return err
	}
	renamed := false
	defer func() {
		if !renamed {
			unix.Unlinkat(p.Fd(), tmp, 0)
		}
	}()
	if r.locks.own != nil {
		sweep(p, tmp)
	}
	if r.Attach != nil {
		err = r.Attach(fd, id)
	}
	content := format(id.PID)
	if err == nil {
		err = fill(fd, content)
	}
	if err == nil {
		err = r.record(fd, id, content)
	}
	if err == nil {
		err = r.believed()
	}
	if err == nil { // last, for the mode may forbid what was done before
		err = r.give(fd)
	}
	if closed := unix.Close(fd); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if r.Holder.State == Absent { // nothing is put over a file that somebody made meanwhile
		err = renameNew(p.Fd(), tmp, p.Name)
		renamed = err == nil
		if err != nil && err != unix.EEXIST {
			err = unix.Linkat(p.Fd(), tmp, p.Fd(), p.Name, 0)
		}
		switch err {
		case nil:
			return nil
		case unix.EEXIST:
			return ErrChanged
		} // no links on this file system
	}
	if err := r.Holder.unchanged(); err != nil {
		return err
	}
	err = unix.Renameat(p.Fd(), tmp, p.Fd(), p.Name)
	renamed = err == nil
	return err
}

func create(dir int, name string) (fd int, err error) {
	for {
		fd, err = unix.Openat(dir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// give gives the new file the owner and the mode of the old one, or the mode that was asked for.
func (r *Reservation) give(fd int) error {
	old := &r.Holder.seen.stat
	mode := uint32(r.mode.Perm())
	if keep := old.Ino != 0 && r.Holder.keepsOwner(r.Bound); keep {
		given := unix.Fchown(fd, int(old.Uid), int(old.Gid)) == nil
		given = given || unix.Fchown(fd, -1, int(old.Gid)) == nil
		if mode == 0 {
			mode = uint32(old.Mode) & 0o777
			if !given || r.rules.AllowInsecure {
				mode &^= 0o022 // what is made is safe all the same
			}
		}
	}
	if mode == 0 {
		return nil
	}
	return unix.Fchmod(fd, mode)
}

// fill writes content at the start of the file, in one call.
func fill(fd int, content []byte) error {
	n, err := unix.Pwrite(fd, content, 0)
	if err == nil && n < len(content) {
		err = unix.ENOSPC
	}
	return err
}

// sweepAge is far more than a temporary is in use for: a claimant that cannot lock waits for no more than lockWait.
const sweepAge = time.Minute

// sweep removes what claims that were killed have left.
func sweep(p *resolve.Place, own string) {
	fd, err := unix.Openat(p.Fd(), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	dir := os.NewFile(uintptr(fd), p.Path)
	defer dir.Close()
	names, _ := dir.Readdirnames(1000) // enough for /run, and bounded in /tmp
	for _, name := range names {
		if isTemporary(name) && name != own && isOld(p.Fd(), name, sweepAge) {
			_ = unix.Unlinkat(p.Fd(), name, 0) // another claim may have done so
		}
	}
}

func isTemporary(name string) bool {
	digits, ok := strings.CutPrefix(name, temporary)
	return ok && len(digits) == temporaryDigits && strings.Trim(digits, "0123456789abcdef") == ""
}

// isOld says that the regular file has not been changed for that long, or only before the clock was set back by as much.
func isOld(dir int, name string, age time.Duration) bool {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && time.Since(time.Unix(st.Mtim.Unix())).Abs() > age
}
