package spawn

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"pidbox/lib/passwd"
)

// User is who a command runs as, resolved to numbers.
type User struct {
	Name   string // as given, without the group
	Login  string // the name in the passwd entry, "" where there is none
	Home   string // of the entry; never empty
	Shell  string // of the entry; never empty where there is one
	UID    int
	GID    int
	Groups []int // supplementary
}

// ParseUser resolves USER[:GROUP[:GROUP...]], each a name or a number. A name must exist; a number need not, and then has
// no supplementary groups and its own value as group. The first GROUP replaces the primary group and keeps the
// supplementary ones; further ones replace these.
func ParseUser(s string) (*User, error) {
	names := strings.Split(s, ":")
	if names[0] == "" {
		return nil, fmt.Errorf("%q is not a user", s)
	}
	u, err := lookupUser(names[0])
	if err != nil {
		return nil, err
	}
	for i, name := range names[1:] {
		id, err := lookupGroup(name)
		switch {
		case err != nil:
			return nil, err
		case i == 0:
			u.GID = id
			continue
		case i == 1:
			u.Groups = []int{u.GID}
		}
		u.Groups = append(u.Groups, id)
	}
	return u, nil
}

// Environ is base with what login(1) sets for the user: HOME, USER, LOGNAME and SHELL. A user without a passwd entry has /
// for a home and none of the others: those of base are somebody else's. A nil user changes nothing.
func (u *User) Environ(base []string) []string {
	if u == nil {
		return base
	}
	base = slices.DeleteFunc(slices.Clone(base), func(kv string) bool {
		key, _, _ := strings.Cut(kv, "=")
		return key == "USER" || key == "LOGNAME" || key == "SHELL"
	})
	if base = MergeEnv(base, []string{"HOME=" + u.Home}); u.Login == "" {
		return base
	}
	return append(base, "USER="+u.Login, "LOGNAME="+u.Login, "SHELL="+u.Shell)
}

func lookupUser(name string) (*User, error) {
	entry, err := passwd.ByName(name)
	id, isID := parseID(name)
	if err != nil && isID {
		entry, err = passwd.ByID(name)
	}
	switch {
	case errors.Is(err, passwd.ErrUnknown):
		u, err := lookupElsewhere(name)
		if isID && (u == nil || err != nil) {
			return &User{Name: name, Home: "/", UID: id, GID: id}, nil
		}
		return u, err
	case err != nil:
		return nil, fmt.Errorf("cannot look up the user %q: %w", name, err)
	}
	u := &User{Name: name, Login: entry.Name, Home: cmp.Or(entry.Home, "/"), Shell: cmp.Or(entry.Shell, "/bin/sh")}
	var isUID, isGID bool
	if u.UID, isUID = parseID(entry.UID); !isUID {
		return nil, fmt.Errorf("user %q has the invalid uid %q", name, entry.UID)
	}
	if u.GID, isGID = parseID(entry.GID); !isGID {
		return nil, fmt.Errorf("user %q has the invalid gid %q", name, entry.GID)
	}
	groups, err := entry.Groups()
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

// lookupElsewhere finds a user that is not in /etc/passwd; one that nobody knows is an error.
func lookupElsewhere(name string) (*User, error) {
	entry, err := getent("passwd", name)
	const fields = 7 // passwd(5)
	switch {
	case errors.Is(err, errNoGetent):
		return nil, fmt.Errorf("there is no user %q: %w", name, err)
	case err != nil:
		return nil, fmt.Errorf("cannot look up the user %q: %w", name, err)
	case len(entry) < fields:
		return nil, fmt.Errorf("there is no user %q", name)
	}
	uid, isUID := parseID(entry[2])
	gid, isGID := parseID(entry[3])
	if !isUID || !isGID {
		return nil, fmt.Errorf("user %q has the invalid IDs %q and %q", name, entry[2], entry[3])
	}
	groups, err := groupIDs(entry[0])
	if err != nil {
		return nil, fmt.Errorf("cannot look up the groups of the user %q: %w", name, err)
	}
	return &User{
		Name: name, Login: entry[0], Home: cmp.Or(entry[5], "/"), Shell: cmp.Or(entry[6], "/bin/sh"),
		UID: uid, GID: gid, Groups: groups,
	}, nil
}

func lookupGroup(name string) (int, error) {
	if id, err := passwd.GroupID(name); err == nil {
		name = id
	}
	if id, ok := parseID(name); ok {
		return id, nil
	}
	entry, err := getent("group", name)
	if err != nil && !errors.Is(err, errNoGetent) {
		return 0, fmt.Errorf("cannot look up the group %q: %w", name, err)
	}
	if len(entry) > 2 { // group(5)
		if id, ok := parseID(entry[2]); ok {
			return id, nil
		}
	}
	if err != nil {
		return 0, fmt.Errorf("there is no group %q: %w", name, err)
	}
	return 0, fmt.Errorf("there is no group %q", name)
}

// parseID reads a uid or gid. The highest one means "leave as it is" to setresuid(2) and is nobody's.
func parseID(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return int(n), err == nil && n != math.MaxUint32
}

// Current is the user that this process runs as, with the groups that it has.
func Current() (*User, error) {
	groups, err := os.Getgroups()
	uid := os.Geteuid()
	return &User{Name: strconv.Itoa(uid), Home: "/", UID: uid, GID: os.Getegid(), Groups: groups}, err
}
