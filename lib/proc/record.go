package proc

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// recordLimit is far above what String writes: a value of an extended attribute may be 64 KiB.
const recordLimit = 1024

const recordVersion = "pidbox1"

var errRecord = errors.New("malformed identity record")

// String is the record as ParseIdentity reads it, one line without its end:
//
//	pidbox1 pid=4711 start=123456 boot=5c0e… pidns=4026531836 inode=98765 session=4711
//
// What is not known is left out.
func (id Identity) String() string {
	var b strings.Builder
	b.WriteString(recordVersion)
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

// ParseIdentity reads what String wrote. It is strict, so that a damaged record counts as none, except that keys of
// later versions are passed over.
func ParseIdentity(s string) (Identity, error) {
	if len(s) > recordLimit {
		return Identity{}, fmt.Errorf("%w: longer than %d bytes", errRecord, recordLimit)
	}
	fields := strings.Split(strings.TrimSuffix(s, "\n"), " ")
	if fields[0] != recordVersion {
		return Identity{}, fmt.Errorf("%w: it does not begin with %s", errRecord, recordVersion)
	}
	var id Identity
	seen := make(map[string]bool, len(fields))
	for _, field := range fields[1:] {
		key, value, ok := strings.Cut(field, "=")
		if !ok || !word(key) || !printable(value) {
			return Identity{}, fmt.Errorf("%w: %q is not key=value", errRecord, field)
		}
		if seen[key] {
			return Identity{}, fmt.Errorf("%w: %s twice", errRecord, key)
		}
		seen[key] = true
		if err := id.set(key, value); err != nil {
			return Identity{}, fmt.Errorf("%w: %q: %w", errRecord, field, err)
		}
	}
	if id.PID == 0 {
		return Identity{}, fmt.Errorf("%w: no pid", errRecord)
	}
	return id, nil
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
