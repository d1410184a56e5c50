package resolve

import "golang.org/x/sys/unix"

// Users that have no number.
const (
	Anyone  = -2 // any user at all
	Unknown = -3 // somebody, but nothing here tells who
)

// Party is a user who could have determined what is found at a place.
type Party struct {
	UID    int    // or Anyone, or Unknown
	Path   string // the directory, link or file by which he could
	Reason string // what is wrong with it, with owner and mode, to be read behind Path and a colon
	Remedy string // the safe command that mends it, or advice

	// Entries says that he can replace what is in the directory at Path, as a member of its group, by its ACL, or because
	// any user can. He cannot make a file that another user owns, nor write into one.
	Entries bool
	Last    bool // Path is the directory that the place is in
}

// Word is everybody on whose word something would be done.
type Word []Party

// Without leaves some parties out, for example those whom a record disproves.
func (w Word) Without(drop func(Party) bool) Word {
	var left Word
	for _, p := range w {
		if !drop(p) {
			left = append(left, p)
		}
	}
	return left
}

// FileWord lists who else could have determined what the file at the place says: its owner, all who may write to it, and
// where it has further names (hard links) anyone, since those could be in directories that others write. The file is open
// as fd, or fd is -1.
func (p *Place) FileWord(st *unix.Stat_t, fd int) Word {
	return nil
}
