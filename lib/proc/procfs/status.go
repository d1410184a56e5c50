package procfs

import (
	"bytes"
	"fmt"
	"strconv"
)

// Users is what proc_pid_status(5) adds to a Stat.
type Users struct {
	PID, TGID, Real, Effective, Saved int

	Caught  uint64 // the signals that have a handler: bit n-1 is signal n; 0 before Linux 2.6
	Ignored uint64 // the signals that are ignored, in the same way
}

// ParseUsers reads lines of proc_pid_status(5), in which the name before them is escaped.
func ParseUsers(text []byte) (us Users, err error) {
	uid := []byte(nil)
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("Uid:")); ok {
			uid = rest
			break
		}
	}
	ids := bytes.Fields(uid)
	if len(ids) < 3 {
		return Users{}, ErrFormat
	}
	for _, number := range []struct {
		to   *int
		text []byte
	}{
		{&us.PID, Field(text, "Pid:")}, {&us.TGID, Field(text, "Tgid:")},
		{&us.Real, ids[0]}, {&us.Effective, ids[1]}, {&us.Saved, ids[2]},
	} {
		n, err := strconv.ParseUint(string(number.text), 10, 32)
		if err != nil {
			return Users{}, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		*number.to = int(n)
	}
	us.Caught, _ = strconv.ParseUint(string(Field(text, "SigCgt:")), 16, 64)
	us.Ignored, _ = strconv.ParseUint(string(Field(text, "SigIgn:")), 16, 64)
	return us, nil
}

// Field is the first word after the key at the beginning of a line.
func Field(text []byte, key string) []byte {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte(key)); ok {
			if words := bytes.Fields(rest); len(words) > 0 {
				return words[0]
			}
		}
	}
	return nil
}
