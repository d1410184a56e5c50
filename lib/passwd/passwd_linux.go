package passwd

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
)

// ByName finds a user, whose numbers are numbers; else ErrUnknown, or why the file cannot be read.
func ByName(name string) (*User, error) { return find("/etc/passwd", 0, name) }

// ByID is ByName by the number.
func ByID(id string) (*User, error) { return find("/etc/passwd", 2, id) }

func find(file string, field int, want string) (found *User, err error) {
	err = lines(file, func(f []string) bool {
		if len(f) < 6 || f[0] == "" || f[field] != want || !isNumber(f[2]) || !isNumber(f[3]) {
			return false
		}
		found = &User{Name: f[0], UID: f[2], GID: f[3], Home: f[5]}
		if len(f) > 6 {
			found.Shell = f[6]
		}
		return true
	})
	if err == nil && found == nil {
		err = ErrUnknown
	}
	return found, err
}

// GroupID is the number of a group; else ErrUnknown, or why the file cannot be read.
func GroupID(name string) (id string, err error) {
	err = lines("/etc/group", func(f []string) bool {
		if len(f) < 4 || f[0] == "" || f[0] != name || !isNumber(f[2]) {
			return false
		}
		id = f[2]
		return true
	})
	if err == nil && id == "" {
		err = ErrUnknown
	}
	return id, err
}

// Groups are the numbers of the groups of a user, his own first.
func (u *User) Groups() ([]string, error) {
	all := []string{u.GID}
	err := lines("/etc/group", func(f []string) bool {
		if len(f) >= 4 && isNumber(f[2]) && f[2] != u.GID && slices.Contains(strings.Split(f[3], ","), u.Name) {
			all = append(all, f[2])
		}
		return false
	})
	if errors.Is(err, ErrUnknown) {
		err = nil
	}
	return all, err
}

// lines gives the fields of each entry until done. Those that begin with + or - are for the C library, which asks NIS.
func lines(file string, done func(fields []string) bool) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrUnknown
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || strings.ContainsRune("#+-", rune(line[0])) {
			continue
		}
		if done(strings.Split(line, ":")) {
			break
		}
	}
	return err
}

func isNumber(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}
