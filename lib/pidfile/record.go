package pidfile

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"pidbox/lib/proc"
	"pidbox/lib/resolve"
)

// record is what a claim writes beside the content, in an extended attribute, as one line:
//
//	pidbox2 pid=4711 start=123456 boot=5c0e… pidns=… inode=… session=4711 changed=1795824000123456789 dir=64512:2 path=/run/web.pid
//
// The first keys are the process's identity. changed is the pidfile's time of last change, in nanoseconds: a file that was
// written to since, even with the same PID, does not have that record any more. dir and path are where it was claimed, so
// that a file that was moved there from elsewhere is known. In path all bytes but [!-~] less % stand as %XX.
//
// Records of the first edition, pidbox1, end after session. Keys of later editions are passed over.
type record struct {
	proc.Identity
	edition int
	changed int64
	dir     string
	path    string
}

const (
	firstEdition, secondEdition = "pidbox1", "pidbox2"

	recordLimit = 4096 // more than any record needs; ext4 keeps one block of attributes
	pathLimit   = 2048 // of the path in it; a longer one is left out
)

// newRecord is the record of a claim at p for the process.
func newRecord(p *resolve.Place, id proc.Identity) record {
	path := p.File()
	if escaped(path) > pathLimit {
		path = ""
	}
	return record{Identity: id, edition: 2, dir: directory(p), path: path}
}

// directory identifies the directory at p on this machine.
func directory(p *resolve.Place) string {
	dev, ino := p.DirID()
	return strconv.FormatUint(dev, 10) + ":" + strconv.FormatUint(ino, 10)
}

func (r record) String() string {
	_, identity, _ := strings.Cut(r.Identity.String(), " ")
	text := fmt.Sprintf("%s %s changed=%d dir=%s", secondEdition, identity, r.changed, r.dir)
	if r.path != "" {
		text += " path=" + escape(r.path)
	}
	return text
}

// parseRecord reads what String wrote. It is strict, so that a damaged record counts as none.
func parseRecord(text string) (r record, ok bool) {
	edition, rest, _ := strings.Cut(text, " ")
	switch edition {
	case firstEdition:
		r.edition = 1
	case secondEdition:
		r.edition = 2
	default:
		return record{}, false
	}
	identity := firstEdition
	for field := range strings.SplitSeq(strings.TrimSuffix(rest, "\n"), " ") {
		key, value, _ := strings.Cut(field, "=")
		if r.edition == 1 {
			key = ""
		}
		twice := false
		switch key {
		case "changed":
			twice = r.changed != 0
			r.changed, ok = number(value)
		case "dir":
			twice = r.dir != ""
			r.dir, ok = value, value != ""
		case "path":
			twice = r.path != ""
			r.path, ok = unescape(value)
		default:
			identity += " " + field
			ok = true
		}
		if twice || !ok {
			return record{}, false
		}
	}
	id, err := proc.ParseIdentity(identity)
	r.Identity = id
	return r, err == nil && (r.edition == 1 || r.changed != 0)
}

func number(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n != 0 && strconv.FormatInt(n, 10) == s
}

// of says that the record is of a file with that content and time of change.
func (r record) of(pid int, modified time.Time) bool {
	return r.PID == pid && (r.edition == 1 || r.changed == modified.UnixNano())
}

// madeAt says whether the record proves that the file was claimed at p, and if not there, in its directory by its name:
// that may have another path by now.
func (r record) madeAt(p *resolve.Place) (path, directoryAndName bool) {
	if r.edition == 1 {
		return true, true
	}
	name := r.path[strings.LastIndexByte(r.path, '/')+1:]
	return r.path == p.File(), r.dir == directory(p) && name == p.Name
}

// escape writes s as one printable word.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func escaped(s string) (length int) {
	for i := range len(s) {
		if length++; !plain(s[i]) {
			length += 2
		}
	}
	return length
}

func plain(c byte) bool { return c >= '!' && c <= '~' && c != '%' }

func unescape(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case plain(c):
			b.WriteByte(c)
		case c == '%' && i+2 < len(s):
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", false
			}
			b.WriteByte(byte(n))
			i += 2
		default:
			return "", false
		}
	}
	return b.String(), s != ""
}
