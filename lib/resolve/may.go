package resolve

import (
	"slices"

	"golang.org/x/sys/unix"
)

// Act is something to be done on a user's word.
type Act int

// The acts. All but Signal are on an Entry.
const (
	Signal   Act = iota // to a Process
	Unlink              // and also, to empty it instead where it is the only right
	Replace             // rename another file over it
	Append              // or create it
	Truncate            // write into it in place, or create it
	Chmod               // change its mode, owner or attributes
	Mkdir
	Create
	Lock    // take its lock, or create it to do so
	Connect // to the socket
)

// Object is what an act is done to: a Process or an Entry.
type Object interface {
	// allows reports whether the party could do it himself.
	allows(act Act, p Party) bool
}

// Process is a process by its real and its saved user id: whose real or effective id is one of them may signal it
// (kill(2)).
type Process struct{ RUID, SUID int }

func (p Process) allows(act Act, by Party) bool {
	return act == Signal && by.UID >= 0 && (by.UID == p.RUID || by.UID == p.SUID)
}

// Entry is a name in a directory, and the file of that name, if there is one.
type Entry struct {
	dir   perm
	file  *perm
	magic bool // the name is in /proc, and the file is not
}

// Entry describes the name at the place, for the gate. The file is described by st, which is nil if there is none,
// and open as fd, or fd is -1.
func (p *Place) Entry(st *unix.Stat_t, fd int) Entry {
	e := Entry{dir: look(&p.stat, p.users, p.fd, ".", -1), magic: p.magic}
	if st != nil {
		file := look(st, p.users, p.fd, p.Name, fd)
		e.file = &file
	}
	return e
}

// allows follows unlink(2), open(2) and connect(2). Who can remove a file can also write to the one of that name, by
// putting his own there; that is so only if the file has no other name, by which others know it. An owner may have it
// open, wherever it is.
//
// A party without a number can do at least that by which he became one: change what is in the directory, write to the
// file.
func (e Entry) allows(act Act, p Party) bool {
	uid := p.UID
	changes := !e.magic && (e.dir.lets(uid, mayChange) || p.Entries && p.by == e.dir.id)
	removes := changes && (e.file == nil || e.dir.mode&unix.S_ISVTX == 0 || e.file.owns(uid) || e.dir.owns(uid))
	switch act {
	case Mkdir, Create:
		return changes
	case Unlink, Replace:
		return removes
	case Append, Truncate, Lock, Connect:
		if e.file == nil {
			return changes
		}
		enters := e.magic || e.file.owns(uid) || e.dir.lets(uid, mayEnter)
		writes := enters && e.file.lets(uid, mayWrite) || p.writes && p.by == e.file.id
		return writes || removes && e.file.links < 2
	case Chmod:
		return e.file != nil && e.file.owns(uid)
	}
	return false
}

// mine is a directory of the caller's own, which does not exist yet.
type mine struct{}

func (mine) allows(Act, Party) bool { return false }

// May fails with an *Unsafe unless each user whose word this is could have done the act himself, or is one of those
// also trusted. Root and the caller are never asked. Anyone can do what every user can, and so can Unknown, beside that
// by which he is a party.
func (w Word) May(act Act, on Object, also ...int) error {
	for _, p := range w {
		if p.UID == 0 || isCaller(p.UID) || slices.Contains(also, p.UID) || on.allows(act, p) {
			continue
		}
		return &Unsafe{Path: p.Path, Reason: p.Reason, Hint: p.Remedy}
	}
	return nil
}

// Steady fails with an *Unsafe where another than root and the caller could lead the path of the place elsewhere before it is
// used: by a directory above that which it is in, whoever is trusted with that.
func (p *Place) Steady() error {
	return p.word.Without(func(q Party) bool { return q.Last }).May(Create, mine{})
}

// Unsafe is a place that a stranger could have determined: whoever acts on it lends him his authority.
type Unsafe struct {
	Path   string // the component at fault
	Reason string // what is wrong with it, with owner and mode
	Hint   string // the safe remedy: a command, or advice
}

func (e *Unsafe) Error() string { return e.Path + ": " + e.Reason }
