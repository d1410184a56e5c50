package pidfile

import (
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
)

// members lists the users of a group, and its name: those it names, and those whose own group it is. Only /etc/group
// and /etc/passwd are read; a group in which they list nobody has a member that nobody knows. Root's group adds
// nothing to root.
func members(gid int) (group string, uids []int) {
	group = strconv.Itoa(gid)
	if gid == 0 {
		return group, nil
	}
	var names []string
	for line := range lines("/etc/group") {
		if f := strings.Split(line, ":"); len(f) >= 4 && f[2] == strconv.Itoa(gid) {
			group = f[0]
			names = append(names, strings.Split(f[3], ",")...)
		}
	}
	for line := range lines("/etc/passwd") {
		f := strings.Split(line, ":")
		if len(f) < 4 || f[3] != strconv.Itoa(gid) && !slices.Contains(names, f[0]) {
			continue
		}
		if uid, err := strconv.Atoi(f[2]); err == nil {
			uids = append(uids, uid)
		}
	}
	if len(uids) == 0 {
		uids = []int{nobodyKnown}
	}
	return group, uids
}

func lines(path string) func(func(string) bool) {
	text, _ := os.ReadFile(path) // without it nobody is known
	return func(yield func(string) bool) {
		for line := range strings.Lines(string(text)) {
			if !yield(strings.TrimSuffix(line, "\n")) {
				return
			}
		}
	}
}

// userName is the name of a user for messages, or the number.
func userName(uid int) string {
	if uid == nobodyKnown {
		return "users unknown here"
	}
	n := strconv.Itoa(uid)
	if u, err := user.LookupId(n); err == nil {
		return u.Username
	}
	return "user " + n
}
