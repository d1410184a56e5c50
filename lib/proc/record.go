package proc

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Record is what a claim leaves behind: who the process was, and which file named it. The second half is missing in
// records of the first edition, and in those that speak of a process alone.
type Record struct {
	Identity
	Changed int64  // the pidfile's time of last change, in nanoseconds since 1970; 0 where the record says nothing of it
	Dir     DirID  // the directory of the pidfile
	Path    string // its canonical path; empty where it is not known, or too long for the record
	Cgroup  Cgroup // the control group that is the process's own; zero where it has none
}

// Cgroup names a control group: its directory, and the inode that this has while it is that group.
type Cgroup struct {
	ID   uint64
	Path string
}

// DirID is the number of a file system and that of a directory in it.
type DirID struct{ Dev, Ino uint64 }

// Placed says that the record is of the second edition: it counts only for the file that was changed last at Changed.
func (r Record) Placed() bool { return r.Changed != 0 }

const (
	// recordLimit is far above what String writes: a value of an extended attribute may be 64 KiB.
	recordLimit = 8 << 10
	// pathLimit keeps a record within the block that many file systems have for the attributes of a file.
	pathLimit = 2 << 10
	// CgroupLimit is for the path of a control group, as it is written.
	CgroupLimit = 1 << 10
)

// The editions. The first is that of an identity alone.
const (
	recordFirst  = "pidbox1"
	recordSecond = "pidbox2"
)

var errRecord = errors.New("malformed identity record")

// String is the identity as ParseIdentity reads it, one line without its end:
//
//	pidbox1 pid=4711 start=123456 boot=5c0e… pidns=4026531836 inode=98765 session=4711
//
// What is not known is left out.
func (id Identity) String() string { return recordFirst + id.fields() }

// String is the record as ParseRecord reads it: an identity under the name of the second edition, and after it
//
//	changed=1790000000123456789 dir=2049:1234 path=/run/web.pid cgroup=4711:/sys/fs/cgroup/pidbox-812-3456
//
// In the paths all bytes but letters, digits and the like are written as %XX.
func (r Record) String() string {
	if !r.Placed() {
		return r.Identity.String()
	}
	text := recordSecond + r.fields() + " changed=" + strconv.FormatInt(r.Changed, 10)
	if r.Dir != (DirID{}) {
		text += fmt.Sprintf(" dir=%d:%d", r.Dir.Dev, r.Dir.Ino)
	}
	if path := escape(r.Path); path != "" && len(path) <= pathLimit {
		text += " path=" + path
	}
	if path := escape(r.Cgroup.Path); r.Cgroup.ID != 0 && path != "" && len(path) <= CgroupLimit {
		text += " cgroup=" + strconv.FormatUint(r.Cgroup.ID, 10) + ":" + path
	}
	return text
}

func (id Identity) fields() string {
	var b strings.Builder
	number := func(key string, n uint64) {
		if n != 0 {
			b.WriteString(" " + key + "=" + strconv.FormatUint(n, 10))
		}
	}
	number("pid", uint64(max(id.PID, 0)))
	number("start", id.Start)
	if bootID(id.Boot) {
		b.WriteString(" boot=" + id.Boot)
	}
	number("pidns", id.Namespace)
	number("inode", id.Inode)
	number("session", uint64(max(id.Session, 0)))
	return b.String()
}

// ParseIdentity reads the identity out of a record of either edition.
func ParseIdentity(s string) (Identity, error) {
	r, err := ParseRecord(s)
	return r.Identity, err
}

// ParseRecord reads what String wrote, in either edition. It is strict, so that a damaged record counts as none, except
// that keys of later versions are passed over. One of the second edition without the time of the last change is damaged.
func ParseRecord(s string) (Record, error) {
	if len(s) > recordLimit {
		return Record{}, fmt.Errorf("%w: longer than %d bytes", errRecord, recordLimit)
	}
	fields := strings.Split(strings.TrimSuffix(s, "\n"), " ")
	second := fields[0] == recordSecond
	if !second && fields[0] != recordFirst {
		return Record{}, fmt.Errorf("%w: it begins with neither %s nor %s", errRecord, recordFirst, recordSecond)
	}
	var r Record
	seen := make(map[string]bool, len(fields))
	for _, field := range fields[1:] {
		key, value, ok := strings.Cut(field, "=")
		if !ok || !word(key) || !printable(value) {
			return Record{}, fmt.Errorf("%w: %q is not key=value", errRecord, field)
		}
		if seen[key] {
			return Record{}, fmt.Errorf("%w: %s twice", errRecord, key)
		}
		seen[key] = true
		err := r.Identity.set(key, value)
		if second && err == nil {
			err = r.place(key, value)
		}
		if err != nil {
			return Record{}, fmt.Errorf("%w: %q: %w", errRecord, field, err)
		}
	}
	switch {
	case r.PID == 0:
		return Record{}, fmt.Errorf("%w: no pid", errRecord)
	case second && r.Changed == 0:
		return Record{}, fmt.Errorf("%w: no time of change", errRecord)
	}
	return r, nil
}

func (id *Identity) set(key, value string) (err error) {
	small := func() (int, error) {
		n, err := positive(value, 31)
		return int(n), err
	}
	switch key {
	case "pid":
		id.PID, err = small()
	case "session":
		id.Session, err = small()
	case "start":
		id.Start, err = positive(value, 64)
	case "pidns":
		id.Namespace, err = positive(value, 64)
	case "inode":
		id.Inode, err = positive(value, 64)
	case "boot":
		if !bootID(value) {
			return errors.New("not a boot id")
		}
		id.Boot = value
	}
	return err
}

func (r *Record) place(key, value string) (err error) {
	switch key {
	case "changed":
		var n uint64
		n, err = positive(strings.TrimPrefix(value, "-"), 63) // a clock without a battery may be before 1970
		if r.Changed = int64(n); strings.HasPrefix(value, "-") {
			r.Changed = -r.Changed
		}
	case "dir":
		dev, ino, _ := strings.Cut(value, ":")
		if dev != "0" {
			r.Dir.Dev, err = positive(dev, 64)
		}
		if err == nil {
			r.Dir.Ino, err = positive(ino, 64)
		}
	case "path":
		r.Path, err = unescape(value)
	case "cgroup":
		id, path, _ := strings.Cut(value, ":")
		if r.Cgroup.ID, err = positive(id, 64); err == nil {
			r.Cgroup.Path, err = unescape(path)
		}
		if err == nil && len(path) > CgroupLimit {
			err = errors.New("too long")
		}
	}
	return err
}

// positive reads decimal digits as String writes them: no sign, no leading zero.
func positive(s string, bits int) (uint64, error) {
	if s == "" || s[0] < '1' || s[0] > '9' {
		return 0, errors.New("not a positive number")
	}
	return strconv.ParseUint(s, 10, bits)
}

// bootID says that s may be one: random(4) gives lower-case hexadecimal digits and dashes.
func bootID(s string) bool {
	return len(s) > 0 && len(s) <= 64 && strings.Trim(s, "0123456789abcdef-") == ""
}

func word(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) < 0
}

// escape writes what is not printable, and the percent sign, as %XX.
func escape(path string) string {
	var b strings.Builder
	for i := range len(path) {
		if c := path[i]; c <= ' ' || c >= 0x7f || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unescape undoes escape, and takes nothing else: an absolute path as escape would have written it.
func unescape(text string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' {
			n, err := strconv.ParseUint(text[i+1:min(i+3, len(text))], 16, 8)
			if err != nil {
				return "", errors.New("not a path")
			}
			c = byte(n)
			i += 2
		}
		b.WriteByte(c)
	}
	path := b.String()
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "\x00") || len(text) > pathLimit || escape(path) != text {
		return "", errors.New("not a path")
	}
	return path, nil
}
