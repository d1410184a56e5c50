package resolve

import (
	"strconv"
	"strings"
)

// overflow is the number that users or groups have here whom our user namespace does not map (user_namespaces(7)).
// Two of them look alike, and so does the user to whom the number belongs, if it is mapped.
type overflow struct {
	kind   string // "uid" or "gid"
	number int
	mapped bool // the number is somebody's, or all are mapped
}

// unmapped reports whether this is what users outside of our user namespace look like.
func (a *accounts) unmapped(uid int) bool {
	if uid <= 0 { // root is never among them, nor what is no number
		return false
	}
	if a.user.kind == "" {
		a.user.load("uid")
	}
	return a.user.is(uid)
}

func (a *accounts) unmappedGroup(gid int) bool {
	if a.group.kind == "" {
		a.group.load("gid")
	}
	return gid < 0 || a.group.is(gid)
}

func (o *overflow) load(kind string) {
	text, err := slurp("/proc/sys/kernel/overflow" + kind)
	n, bad := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || bad != nil {
		n = -1
	}
	*o = overflow{kind: kind, number: n}
}

// is reports whether id stands for the unmapped. The map is read only if it could.
func (o *overflow) is(id int) bool {
	if id <= 0 || id != o.number || o.mapped {
		return false
	}
	maps, err := slurp("/proc/self/" + o.kind + "_map")
	o.mapped = err != nil
	for line := range strings.Lines(string(maps)) {
		if f := strings.Fields(line); len(f) == 3 {
			first, _ := strconv.Atoi(f[0])
			count, _ := strconv.Atoi(f[2])
			o.mapped = o.mapped || id >= first && id-first < count
		}
	}
	return !o.mapped
}
