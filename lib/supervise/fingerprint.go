package supervise

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"pidbox/lib/digest"
	"pidbox/lib/proc"
	"pidbox/lib/random"
)

// Fingerprint is what makes a command the same one for an adoption. Secrets in it never reach the disk: only a salted
// SHA-256 of all of it does. Whoever may read that can still try guesses, so a short password is not safe in it.
type Fingerprint struct {
	Path string   // as it is executed, absolute
	Args []string // argv
	Env  []string // the variables that were asked for, not those inherited
	Dir  string
	User string
}

const saltSize = 16

// sum hashes every field with its length, so that no two commands have the same text.
func (f Fingerprint) sum(salt []byte) string {
	text := append([]byte(nil), salt...)
	for _, list := range [][]string{{f.Path, f.Dir, f.User}, f.Args, f.Env} {
		text = binary.LittleEndian.AppendUint64(text, uint64(len(list)))
		for _, s := range list {
			text = append(binary.LittleEndian.AppendUint64(text, uint64(len(s))), s...)
		}
	}
	sum := digest.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// record says which command a child runs and who started or adopted it. It is kept beside the pidfile's own record of
// who the child is, and names the child again so that it cannot be taken for another's.
type record struct {
	child, supervisor proc.Identity
	salt, sum         string
	sockets           string // that it was given, "" for none: see sockets.Record
}

const recordVersion = "pidbox-command 1"

func newRecord(child, supervisor proc.Identity, f Fingerprint) record {
	salt := random.Bytes(saltSize)
	return record{child: child, supervisor: supervisor, salt: hex.EncodeToString(salt), sum: f.sum(salt)}
}

func (r record) String() string {
	text := fmt.Sprintf("%s\n%s %s\n%s\n%s\n", recordVersion, r.salt, r.sum, r.child, r.supervisor)
	if r.sockets != "" {
		text += r.sockets + "\n"
	}
	return text
}

func parseRecord(text string) (record, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 4 || len(lines) > 5 || lines[0] != recordVersion {
		return record{}, errors.New("not a record of a command")
	}
	var r record
	if len(lines) == 5 {
		r.sockets = lines[4]
	}
	var cut bool
	if r.salt, r.sum, cut = strings.Cut(lines[1], " "); !cut {
		return record{}, errors.New("the record of the command lacks its sum")
	}
	var err error
	if r.child, err = proc.ParseIdentity(lines[2]); err == nil {
		r.supervisor, err = proc.ParseIdentity(lines[3])
	}
	return r, err
}

// runs says whether the record is of that command.
func (r record) runs(f Fingerprint) bool {
	salt, err := hex.DecodeString(r.salt)
	return err == nil && len(salt) == saltSize && r.sum == f.sum(salt)
}
