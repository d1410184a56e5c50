package pidfile

import (
	"strings"
	"time"

	"pidbox/lib/proc"
	"pidbox/lib/resolve"
)

// record is what a claim writes beside the content, in an extended attribute: the process's identity, the pidfile's time of
// last change, and where it was claimed. So a file that was written to since, even with the same PID, does not have that
// record any more, and one that was moved here from elsewhere is known. Those of the first edition are an identity alone.
type record = proc.Record

// newRecord is the record of a claim at p for the process, but for the time.
func newRecord(p *resolve.Place, id proc.Identity) record {
	dev, ino := p.DirID()
	return record{Identity: id, Dir: proc.DirID{Dev: dev, Ino: ino}, Path: p.File()}
}

// counts says that the record is of a file with that content and time of change.
func counts(r record, pid int, modified time.Time) bool {
	return r.PID == pid && (!r.Placed() || r.Changed == modified.UnixNano())
}

// madeAt says whether the record proves that the file was claimed at p, and if not there, in its directory by its name:
// that may have another path by now.
func madeAt(r record, p *resolve.Place) (path, directoryAndName bool) {
	if !r.Placed() {
		return true, true
	}
	here := newRecord(p, r.Identity)
	name := r.Path[strings.LastIndexByte(r.Path, '/')+1:]
	return r.Path == here.Path, r.Dir == here.Dir && name == p.Name
}
