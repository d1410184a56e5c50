package resolve

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Users that have no number.
const (
	Anyone  = -2 // any user at all
	Unknown = -3 // a user, but nothing here says which
)

// Party is a user who could have determined what is found at a place.
type Party struct {
	UID    int    // or Anyone, or Unknown
	Path   string // the directory or file by which he could
	Reason string // what is wrong with it, with owner and mode, to be read behind Path and a colon
	Remedy string // the safe command that mends it, or advice

	// Entries says that he can replace what is in the directory at Path, as a member of its group, by its ACL, or
	// because any user can. He cannot make a file that another user owns, nor write into one.
	Entries bool
	Last    bool // Path is the directory that the place is in, and nothing above it is meant: not its file system either

	by     identity // of what is at Path
	writes bool     // to the file at Path
	mount  bool     // by a FUSE file system, which makes up numbers and owners
	link   bool     // or he could have, as it has further names
}

// Replaces says that this is one of known users who can only replace entries of a directory, by its group or ACL.
func (p Party) Replaces() bool { return p.Entries && p.UID != Anyone }

// Word is all users on whose word something would be done.
type Word []Party

// Without leaves some parties out, for example those that a record disproves.
func (w Word) Without(drop func(Party) bool) Word {
	var left Word
	for _, p := range w {
		if !drop(p) {
			left = append(left, p)
		}
	}
	return left
}

// identity tells files apart.
type identity struct{ dev, ino uint64 }

func identify(st *unix.Stat_t) identity { return identity{uint64(st.Dev), uint64(st.Ino)} }

// isCaller reports whether we act as that user.
func isCaller(uid int) bool { return uid == os.Geteuid() }

// judgeDirectory notes who could have replaced what is in the directory that w stands on. In a sticky one only the
// owner of a file can, and the directory's.
func (w *walker) judgeDirectory() {
	if w.policy.Insecure {
		return
	}
	p := perm{uid: int(w.stat.Uid), mode: uint32(w.stat.Mode)}
	strange := !w.users.trusts(p.uid)
	sticky := p.mode&unix.S_ISVTX != 0
	if !strange && (sticky || p.mode&0o022 == 0) && w.mounter == 0 {
		return // most directories
	}
	dir, ok := canonical(w.fd, &w.stat)
	if !ok {
		dir = w.shown()
	}
	note := func(uid int, entries bool, reason, remedy string) {
		w.word = append(w.word, Party{
			UID: uid, Path: dir, Reason: reason, Remedy: remedy, Entries: entries, by: identify(&w.stat),
		})
	}
	if w.mounter != 0 && !isCaller(w.mounter) {
		note(w.mounter, false, "is in a FUSE file system of "+w.users.name(w.mounter), "use a directory of another file system")
		w.word[len(w.word)-1].mount = true
	}
	if strange {
		reason := fmt.Sprintf("is owned by %s (mode %04o)", w.users.name(p.uid), p.mode&0o7777)
		note(p.uid, false, reason, w.mendOwner(dir, p.uid))
	}
	if sticky {
		return
	}
	p = look(&w.stat, w.users, w.fd, ".", -1)
	p.writers(func(uid int, is, undo string) {
		if uid == Anyone {
			is += " without the sticky bit"
		}
		note(uid, true, fmt.Sprintf("directory is %s (%s)", is, w.users.describe(&w.stat)), w.mendMode(dir, undo))
	})
}

const ownDirectory = "use a directory that only you and root can write to"

// mendOwner is the remedy for a directory of a stranger. What he made in it stays his word.
func (w *walker) mendOwner(dir string, owner int) string {
	switch home, of := w.users.home(dir); {
	case home:
		return "use a directory outside of the home of " + of
	case w.procfs:
		return "name the file by a path outside of /proc"
	case !isCaller(0):
		return ownDirectory
	}
	return Quote("chown root", dir) + ", and remove what " + w.users.name(owner) + " made in it"
}

// mendMode is the remedy for a directory that others can write to.
func (w *walker) mendMode(dir, undo string) string {
	if !isCaller(0) && !isCaller(int(w.stat.Uid)) {
		return ownDirectory
	}
	return Quote(undo, dir) + ", and remove what others made in it"
}

// FileWord lists who else could have determined what the file at the place says: its owner, all who may write to it,
// and where it has further names (hard links) anyone, since those could be in directories that others write. The file
// is open as fd, or fd is -1.
func (p *Place) FileWord(st *unix.Stat_t, fd int) Word {
	if p.policy.Insecure {
		return nil
	}
	var word Word
	remedy := sync.OnceValue(func() string {
		if !canUnlink(p.fd, &p.stat, int(st.Uid)) {
			return "use another file, which only you and root can write to"
		}
		return Quote("rm", p.File())
	})
	note := func(uid int, reason string) *Party {
		word = append(word, Party{UID: uid, Path: p.File(), Reason: reason, Remedy: remedy(), by: identify(st), writes: true})
		return &word[len(word)-1]
	}
	switch owner := int(st.Uid); {
	case p.users.unmapped(owner):
		note(Unknown, fmt.Sprintf("is owned by a user outside of this user namespace (mode %04o)", st.Mode&0o7777))
	case !p.users.trusts(owner):
		note(owner, fmt.Sprintf("is owned by %s (mode %04o)", p.users.name(owner), st.Mode&0o7777))
	}
	look(st, p.users, p.fd, p.Name, fd).writers(func(uid int, is, _ string) {
		note(uid, fmt.Sprintf("file is %s (%s)", is, p.users.describe(st)))
	})
	if fd >= 0 && st.Dev != p.stat.Dev { // a file may be mounted here
		if _, mounter := filesystem(fd, st); mounter != 0 && !isCaller(mounter) {
			note(mounter, "is in a FUSE file system of "+p.users.name(mounter))
		}
	}
	if st.Nlink > 1 && st.Mode&unix.S_IFMT == unix.S_IFREG {
		party := note(Anyone, fmt.Sprintf("has %d names (hard links), so any user could have put it here (%s)", st.Nlink, p.users.describe(st)))
		party.link, party.writes = true, false
	}
	return word
}
