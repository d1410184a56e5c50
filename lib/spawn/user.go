package spawn

import (
	"errors"
	"fmt"
	"math"
	"os/user"
	"strconv"
	"strings"
)

// User is who a command runs as, resolved to numbers.
type User struct {
	Name   string // as given, without the group
	Home   string // "" when the user has no passwd entry
	UID    int
	GID    int
	Groups []int // supplementary
}

// ParseUser resolves USER[:GROUP], each a name or a number. A name must exist; a number need not, and then has no
// supplementary groups and its own value as group. GROUP replaces the primary group and keeps the supplementary ones.
func ParseUser(s string) (*User, error) {
	name, group, grouped := strings.Cut(s, ":")
	if name == "" {
		return nil, fmt.Errorf("%q names no user", s)
	}
	u, err := lookupUser(name)
	if err != nil || !grouped {
		return u, err
	}
	u.GID, err = lookupGroup(group)
	return u, err
}

func lookupUser(name string) (*User, error) {
	entry, err := user.Lookup(name)
	if id, isID := parseID(name); err != nil && isID {
		if entry, err = user.LookupId(name); err != nil {
			return &User{Name: name, UID: id, GID: id}, nil
		}
	}
	var unknown user.UnknownUserError
	switch {
	case errors.As(err, &unknown):
		return nil, fmt.Errorf("there is no user %q", name)
	case err != nil:
		return nil, fmt.Errorf("cannot look up the user %q: %w", name, err)
	}
	u := &User{Name: name, Home: entry.HomeDir}
	var isUID, isGID bool
	if u.UID, isUID = parseID(entry.Uid); !isUID {
		return nil, fmt.Errorf("user %q has the strange uid %q", name, entry.Uid)
	}
	if u.GID, isGID = parseID(entry.Gid); !isGID {
		return nil, fmt.Errorf("user %q has the strange gid %q", name, entry.Gid)
	}
	groups, err := entry.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("cannot look up the groups of the user %q: %w", name, err)
	}
	for _, g := range groups {
		if id, ok := parseID(g); ok {
			u.Groups = append(u.Groups, id)
		}
	}
	return u, nil
}

func lookupGroup(name string) (int, error) {
	if g, err := user.LookupGroup(name); err == nil {
		name = g.Gid
	}
	if id, ok := parseID(name); ok {
		return id, nil
	}
	return 0, fmt.Errorf("there is no group %q", name)
}

// parseID reads a uid or gid. The highest one means "leave as it is" to setresuid(2) and is nobody's.
func parseID(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return int(n), err == nil && n != math.MaxUint32
}
