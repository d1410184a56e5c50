package pidfile

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
)

// overwrite writes into the file itself, content first and then the end, so that its first line is at no time a part
// of a number. It is what is left where the directory cannot be written to.
func (r *Reservation) overwrite(id proc.Identity) error {
	fd, err := r.place.openOwn(r.Holder.seen)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if r.mode != 0 { // first, for only the owner may
		if err := unix.Fchmod(fd, uint32(r.mode.Perm())); err != nil {
			return err
		}
	}
	if err := r.attach(fd, id); err != nil {
		return err
	}
	content := format(id.PID)
	if err := fill(fd, content); err != nil {
		return err
	}
	return unix.Ftruncate(fd, int64(len(content)))
}

// openOwn opens the file that was seen for writing. A second name of it may be a file that matters.
func (p *place) openOwn(seen snapshot) (int, error) {
	if err := p.unchanged(seen); err != nil {
		return -1, err
	}
	fd, err := unix.Openat(p.fd, p.name, unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || uint64(st.Ino) != seen.ino || st.Nlink != 1 {
		unix.Close(fd)
		return -1, ErrChanged
	}
	return fd, nil
}

// unchanged fails with ErrChanged unless the file is the one that was seen.
func (p *place) unchanged(seen snapshot) error {
	now, _, err := p.read(Rules{AllowInsecure: true})
	var unsafe *UnsafeError
	switch {
	case errors.As(err, &unsafe) || err == nil && (now == nil) != (seen.ino == 0) || now != nil && !now.same(seen):
		return ErrChanged
	}
	return err
}

// fill writes content at the start of the file, in one call.
func fill(fd int, content []byte) error {
	n, err := unix.Pwrite(fd, content, 0)
	if err == nil && n < len(content) {
		err = unix.ENOSPC
	}
	return err
}

// sweep removes what claims that were killed have left. While the directory is locked nobody else's is in use.
func (r *Reservation) sweep(own string) {
	if r.locks.dir == nil {
		return
	}
	fd, err := unix.Openat(r.place.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	dir := os.NewFile(uintptr(fd), r.place.dir)
	defer dir.Close()
	names, _ := dir.Readdirnames(1000) // enough for /run, and bounded in /tmp
	for _, name := range names {
		if strings.HasPrefix(name, temporary) && len(name) == len(own) && name != own {
			unix.Unlinkat(r.place.fd, name, 0)
		}
	}
}
