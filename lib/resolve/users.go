package resolve

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// accounts answers from /etc/passwd, /etc/group and /etc/nsswitch.conf, each of which is read once, when it is asked
// for.
type accounts struct {
	files map[string][]string

	user, group overflow
}

// trusts reports whether what the user owns above us is as good as root's: he is root, the caller, or has no number
// in this user namespace, as root outside of it.
func (a *accounts) trusts(uid int) bool { return uid == 0 || isCaller(uid) || a.unmapped(uid) }

// members lists the members of a group other than root and the caller: those whom it names and those whose own group
// it is. It may have unknown ones, if the group is in no file, or users are kept elsewhere too (nsswitch.conf(5)).
func (a *accounts) members(gid int) (name string, uids []int, unknown bool) {
	n := strconv.Itoa(gid)
	name, unknown = n, true
	var named []string
	for _, line := range a.lines("/etc/group") {
		if f := strings.Split(line, ":"); len(f) >= 4 && f[2] == n {
			name, unknown = f[0], false
			named = append(named, strings.Split(f[3], ",")...)
		}
	}
	for _, line := range a.lines("/etc/passwd") {
		f := strings.Split(line, ":")
		if len(f) < 4 || f[3] != n && !slices.Contains(named, f[0]) {
			continue
		}
		uid, err := strconv.Atoi(f[2])
		if err == nil && a.unmapped(uid) { // as which others may appear here too
			unknown = true
			continue
		}
		if err == nil && uid != 0 && !isCaller(uid) && !slices.Contains(uids, uid) {
			uids = append(uids, uid)
		}
	}
	return name, uids, unknown || a.elsewhere() || a.unmappedGroup(gid)
}

// isIn reports whether the user is known to be a member.
func (a *accounts) isIn(uid, gid int) bool {
	_, uids, _ := a.members(gid)
	return slices.Contains(uids, uid) && !a.unmappedGroup(gid)
}

// elsewhere reports whether users or groups may come from sources that are not read here.
func (a *accounts) elsewhere() bool {
	for _, line := range a.lines("/etc/nsswitch.conf") {
		line, _, _ = strings.Cut(line, "#")
		database, sources, _ := strings.Cut(line, ":")
		if !slices.Contains([]string{"group", "passwd", "initgroups"}, strings.TrimSpace(database)) {
			continue
		}
		for strings.Contains(sources, "[") { // [NOTFOUND=return], which may have blanks in it
			before, rest, _ := strings.Cut(sources, "[")
			_, after, _ := strings.Cut(rest, "]")
			sources = before + " " + after
		}
		for _, source := range strings.Fields(sources) {
			if !slices.Contains([]string{"files", "compat", "systemd", "db"}, source) {
				return true
			}
		}
	}
	plus := func(line string) bool { return strings.HasPrefix(line, "+") } // NIS, of compat
	return slices.ContainsFunc(a.lines("/etc/group"), plus) || slices.ContainsFunc(a.lines("/etc/passwd"), plus)
}

// home reports whether dir is a user's home, which must stay his.
func (a *accounts) home(dir string) (is bool, of string) {
	for _, line := range a.lines("/etc/passwd") {
		if f := strings.Split(line, ":"); len(f) >= 6 && f[5] == dir && f[2] != "0" {
			return true, f[0]
		}
	}
	return false, ""
}

// name is the name of a user for messages, or the number.
func (a *accounts) name(uid int) string {
	switch uid {
	case Anyone:
		return "any user"
	case Unknown:
		return "an unknown user"
	}
	n := strconv.Itoa(uid)
	for _, line := range a.lines("/etc/passwd") {
		if f := strings.Split(line, ":"); len(f) >= 3 && f[2] == n {
			return f[0]
		}
	}
	return "user " + n
}

// describe is the owner and the mode of a file, for messages.
func (a *accounts) describe(st *unix.Stat_t) string {
	return fmt.Sprintf("owner %s, mode %04o", a.name(int(st.Uid)), uint32(st.Mode)&0o7777)
}

func (a *accounts) lines(path string) []string {
	lines, read := a.files[path]
	if !read {
		text, _ := slurp(path) // without it nobody is known
		lines = strings.Split(string(text), "\n")
		if a.files == nil {
			a.files = map[string][]string{}
		}
		a.files[path] = lines
	}
	return lines
}

// slurp reads a file without the runtime's poller, which os.ReadFile would start for it.
func slurp(path string) ([]byte, error) {
	fd, err := retry(func() (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	text := make([]byte, 0, 4<<10)
	for {
		n, err := retry(func() (int, error) { return unix.Read(fd, text[len(text):cap(text)]) })
		if err != nil || n == 0 {
			return text, err
		}
		text = slices.Grow(text[:len(text)+n], 512)
	}
}

// UserName is the name of a user for messages, or "user N".
func UserName(uid int) string { return new(accounts).name(uid) }
