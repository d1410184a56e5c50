package resolve

import "golang.org/x/sys/unix"

// Act is something to be done on somebody's word.
type Act int

const (
	Signal   Act = iota // to a Process
	Unlink              // the other acts are on an Entry
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
	// allows reports whether the user could do it himself.
	allows(act Act, uid int) bool
}

// Process is a process by its real and its saved user id: whose real or effective id is one of them may signal it (kill(2)).
type Process struct{ RUID, SUID int }

// Entry is a name in a directory, and the file of that name, if there is one.
type Entry struct {
	dir  perm
	file *perm
}

// Entry describes the name at the place, for the gate. The file is described by st, which is nil if there is none, and
// open as fd, or fd is -1.
func (p *Place) Entry(st *unix.Stat_t, fd int) Entry { return Entry{} }

// May fails with an *Unsafe unless everybody whose word this is could have done the act himself, or is one of those
// also trusted. Root and the caller are never asked. Anyone and Unknown can do what every user can.
func (w Word) May(act Act, on Object, also ...int) error {
	return nil
}

// Unsafe is a place that a stranger could have determined: whoever acts on it lends him his authority.
type Unsafe struct {
	Path   string // the component at fault
	Reason string // what is wrong with it, with owner and mode
	Hint   string // the safe remedy: a command, or advice
}

func (e *Unsafe) Error() string { return e.Path + ": " + e.Reason }

func (p Process) allows(act Act, uid int) bool { return false }
func (e Entry) allows(act Act, uid int) bool   { return false }

type perm struct{}
