package pidfile

import (
	"errors"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
	"pidbox/lib/resolve"
)

// ofRoot stands for a process that no party may signal: it is allowed only where every party is trusted.
func ofRoot() resolve.Process { return resolve.Process{} }

// word is all users on whose word the file is taken to name its process, less those that a proof rules out. A process that
// is bound to the file is so by root's word, only links and the directories above could have led to another pair of
// them. A record proves where its file was claimed: who can only replace the entries of a directory, as the group that
// BOSH gives its jobs, cannot make one up, nor a file of the claimant's.
func (h *Holder) word() resolve.Word {
	if h.rules.AllowInsecure || h.place == nil {
		return nil
	}
	if h.bound == boundHere {
		return h.placed().Without(func(p resolve.Party) bool { return p.Last })
	}
	return append(h.placed(), h.seen.word...)
}

// placed is who could have put the file there.
func (h *Holder) placed() resolve.Word {
	w := h.place.Word()
	if h.rules.AllowInsecure {
		return nil
	}
	if len(w) == 0 || h.Recorded == nil || h.bound == boundElsewhere || h.State == Doubtful {
		return w
	}
	path, name := madeAt(h.record, h.place)
	return w.Without(func(p resolve.Party) bool { return p.Replaces() && (path || name && p.Last) })
}

// trust fails with an *resolve.Unsafe if a user could have made the file name h's process who may not signal it.
func (h *Holder) trust() error {
	if h.Process == nil {
		return nil
	}
	w := h.word()
	refusal := w.May(resolve.Signal, ofRoot(), h.rules.Trust...)
	if refusal == nil {
		return nil
	}
	on, err := ownerOf(h.Process)
	switch {
	case errors.Is(err, proc.ErrNotFound):
		h.dismiss("process %d has exited", h.PID)
		return nil
	case err != nil:
		return refusal
	}
	return w.May(resolve.Signal, on, h.rules.Trust...)
}

// ownerOf is the process as the gate knows it.
func ownerOf(p *proc.Handle) (resolve.Process, error) {
	who, err := p.Credentials()
	return resolve.Process{RUID: who.RUID, SUID: who.SUID}, err
}

// Allow says who else may be signalled on the word of the pidfile, for the group, session or tree of its process. Nil
// stands for every process: the pidfile is root's word, or the caller's.
func (h *Holder) Allow() proc.Allow { return h.allow(h.word()) }

func (h *Holder) allow(w resolve.Word) proc.Allow {
	if w.May(resolve.Signal, ofRoot(), h.rules.Trust...) == nil {
		return nil
	}
	return func(_, ruid, suid int) error {
		return w.May(resolve.Signal, resolve.Process{RUID: ruid, SUID: suid}, h.rules.Trust...)
	}
}

// mayUnlink fails if the file could be removed on the word of a user who could not have done so himself. Those who can
// write to the file are not asked: they could have emptied it.
func (h *Holder) mayUnlink() error {
	return h.placed().May(resolve.Unlink, h.entry(), h.rules.Trust...)
}

// mayTruncate is mayUnlink for writing into the file.
func (h *Holder) mayTruncate() error {
	if h.rules.AllowInsecure {
		return nil
	}
	return append(h.placed(), h.seen.word...).May(resolve.Truncate, h.entry(), h.rules.Trust...)
}

// mayClaim fails if a claim that replaces the file, or makes it, would lend a user the caller's rights, or would not be
// believed afterwards. It counts on a record of the path. Which act it is does not matter: all must be trusted.
func (h *Holder) mayClaim() error {
	if h.rules.AllowInsecure {
		return nil
	}
	w := h.place.Word().Without(resolve.Party.Replaces)
	return w.May(resolve.Signal, ofRoot(), h.rules.Trust...)
}

func (h *Holder) entry() resolve.Entry {
	if h.seen.stat.Ino == 0 {
		return h.place.Entry(nil, -1)
	}
	return h.place.Entry(&h.seen.stat, -1)
}

// keepsOwner says that a claim may leave the file its owner and mode: whoever could write to it then is trusted. The
// owner of a file to which its process is bound need not be, if a trusted user gave it to him.
func (h *Holder) keepsOwner(bound bool) bool {
	switch {
	case h.rules.AllowInsecure, h.seen.word.May(resolve.Signal, ofRoot(), h.rules.Trust...) == nil:
		return true
	case !bound || h.place.Word().May(resolve.Signal, ofRoot(), h.rules.Trust...) != nil || h.sticky():
		return false
	}
	return h.seen.word.May(resolve.Signal, ofRoot(), append(h.rules.Trust, int(h.seen.stat.Uid))...) == nil
}

// squats says that the file is a stranger's in a directory where every user can make files, such as /tmp: it keeps
// no user from claiming the name, whatever process it names.
func (h *Holder) squats() bool {
	owner := int(h.seen.stat.Uid)
	return h.seen.stat.Ino != 0 && h.bound != boundHere && !h.rules.AllowInsecure && h.sticky() &&
		owner != 0 && owner != os.Geteuid() && !slices.Contains(h.rules.Trust, owner)
}

func (h *Holder) sticky() bool {
	var st unix.Stat_t
	return unix.Fstat(h.place.Fd(), &st) == nil && uint32(st.Mode)&(unix.S_ISVTX|0o002) == unix.S_ISVTX|0o002
}
