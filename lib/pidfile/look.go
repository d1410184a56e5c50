package pidfile

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
)

// snapshot is a pidfile as it was read; equal snapshots are the same file, unchanged.
type snapshot struct {
	dev, ino uint64
	mode     uint32
	size     int64
	modified time.Time
	content  string // at most readLimit of it
	record   string
}

// same says that the file is the one read and that nobody has written to it since.
func (s snapshot) same(now snapshot) bool {
	return s.dev == now.dev && s.ino == now.ino && s.size == now.size && s.modified.Equal(now.modified) &&
		s.content == now.content && s.record == now.record
}

// look reads the file at p and judges it. The holder takes p over.
func look(p *place, rules Rules) (*Holder, error) {
	h := &Holder{Path: p.path, place: p}
	seen, st, err := p.read(rules)
	switch {
	case err != nil:
		return nil, err
	case seen == nil:
		h.Why = "there is no such file"
		return h, nil
	case p.unsafe != nil:
		return nil, p.unsafe
	}
	h.seen = *seen
	pid, ok := parse([]byte(seen.content))
	switch {
	case !ok:
		h.State, h.Garbage, h.Why = Nobody, excerpt([]byte(seen.content)), "what it says is not a process id"
		return h, nil
	case pid == 0:
		h.State, h.Why = Nobody, "it is empty"
		return h, nil
	}
	h.PID = pid
	owner := writer{int(st.Uid), p.path, "is owned by ", mend("chown root", p.path)}
	err = h.judge(rules)
	if err == nil && h.Process != nil {
		err = h.trust(append(p.writers[:len(p.writers):len(p.writers)], owner), rules)
	}
	if err != nil {
		if h.Process != nil {
			h.Process.Close()
		}
		var refusal *UnsafeError
		if !errors.As(err, &refusal) { // which names what is unsafe
			err = fmt.Errorf("%s: %w", p.path, err)
		}
		return nil, err
	}
	return h, nil
}

// trust fails with an *UnsafeError if somebody could have made the file name h's process who may not signal it. A
// group that can exchange the files of a directory, as BOSH gives its jobs, cannot make up the record of a claim, nor a
// file of the claimant's: at most it puts one claimed pidfile in the place of another.
func (h *Holder) trust(writers []writer, rules Rules) error {
	if h.Recorded == nil || h.State != Running {
		writers = append(writers, h.place.members...)
	}
	refusal := entrust(writers, rules)
	if refusal == nil {
		return nil
	}
	info, err := h.Process.Info()
	switch {
	case errors.Is(err, proc.ErrNotFound):
		h.dismiss("process %d has ended", h.PID)
		return nil
	case err != nil:
		return refusal
	}
	return entrust(writers, rules, info.UID)
}

// read takes a snapshot; nil without an error says that there is no file. Nothing but a regular file is opened: a
// device may act when opened, a FIFO may block.
func (p *place) read(rules Rules) (*snapshot, *unix.Stat_t, error) {
	var st unix.Stat_t
	fail := func(op string, err error) (*snapshot, *unix.Stat_t, error) {
		if err == unix.ENOENT {
			return nil, nil, nil
		}
		return nil, nil, &fs.PathError{Op: op, Path: p.path, Err: err}
	}
	if err := unix.Fstatat(p.fd, p.name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fail("stat", err)
	}
	if err := judgeFile(p.path, &st, rules); err != nil {
		return nil, nil, err
	}
	fd, err := unix.Openat(p.fd, p.name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail("open", err)
	}
	defer unix.Close(fd)
	if err := unix.Fstat(fd, &st); err != nil {
		return fail("stat", err)
	}
	if err := judgeFile(p.path, &st, rules); err != nil { // it may have been exchanged
		return nil, nil, err
	}
	buf := make([]byte, readLimit)
	n, err := unix.Pread(fd, buf, 0)
	if err != nil {
		return fail("read", err)
	}
	return &snapshot{
		dev: uint64(st.Dev), ino: uint64(st.Ino), mode: uint32(st.Mode), size: st.Size, modified: time.Unix(st.Mtim.Unix()),
		content: string(buf[:n]), record: record(fd),
	}, &st, nil
}
