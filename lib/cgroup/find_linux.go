package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc/procfs"
)

// Make makes the group called name below the one that the caller is in: of version 2 where one can be frozen there, else of
// the version 1 freezer. One of that name that is there is taken as it is, with what is in it. An errors.ErrUnsupported
// says why there can be none.
func Make(name string) (*Group, error) { return makeEither(name, false) }

// makeEither makes a group of either version; a fresh one is not taken as it is found.
func makeEither(name string, fresh bool) (*Group, error) {
	var whys []error
	for _, legacy := range []bool{false, true} {
		g, err := makeBelow(name, legacy, fresh)
		if err == nil {
			g.why = errors.Join(whys...)
			return g, nil
		}
		whys = append(whys, bare(err))
	}
	return nil, none("version 2: %v; version 1: %v", whys[0], whys[1])
}

// bare is an error without the words that none puts before another one.
func bare(err error) error {
	if is := (*NoneError)(nil); errors.As(err, &is) {
		return errors.New(is.Why)
	}
	return err
}

// MakeKillable is Make for a group that the kernel kills as one: of version 2, and Linux 5.14.
func MakeKillable(name string) (*Group, error) {
	g, err := makeBelow(name, false, true)
	if err != nil {
		return nil, none("%v", bare(err))
	}
	if _, err := os.Stat(filepath.Join(g.path, "cgroup.kill")); err != nil {
		_ = os.Remove(g.path)
		return nil, none("the kernel has no cgroup.kill (Linux 5.14 has)")
	}
	return g, nil
}

func makeBelow(name string, legacy, fresh bool) (*Group, error) {
	own, err := of("self", legacy)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(own, name)
	if err = os.Mkdir(path, 0o755); fresh && errors.Is(err, fs.ErrExist) {
		if err = os.Remove(path); err == nil {
			err = os.Mkdir(path, 0o755)
		}
		if err != nil {
			return nil, err
		}
	}
	made := err == nil
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	g, err := Open(path)
	if err != nil && made {
		_ = os.Remove(path)
	}
	return g, err
}

// Open is the group at path, a directory, or the path of a group of version 2 as /proc/PID/cgroup shows it.
func Open(path string) (*Group, error) {
	var st unix.Statfs_t
	err := unix.Statfs(path, &st)
	if errors.Is(err, unix.ENOENT) {
		for _, m := range mounts(unified) {
			if below, is := m.dir(path); is && unix.Statfs(below, &st) == nil {
				path, err = below, nil
				break
			}
		}
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open control group", Path: path, Err: err}
	}
	var is unix.Stat_t
	if err := unix.Stat(path, &is); err != nil {
		return nil, &fs.PathError{Op: "open control group", Path: path, Err: err}
	}
	g := &Group{path: filepath.Clean(path), id: is.Ino, owner: int(is.Uid)}
	need := []string{"cgroup.events", "cgroup.freeze"}
	switch st.Type {
	case unix.CGROUP2_SUPER_MAGIC:
		if kind, err := g.read("cgroup.type"); err == nil && kind != "domain" && kind != "domain threaded" {
			return nil, none("%s is %s and takes no processes", path, kind)
		}
	case unix.CGROUP_SUPER_MAGIC:
		g.legacy, need = true, []string{"freezer.state"}
	default:
		return nil, none("%s is not a control group", path)
	}
	for _, file := range need {
		if _, err := os.Stat(filepath.Join(g.path, file)); err != nil {
			return nil, none("%s has no %s: it is the root of its hierarchy, or the kernel is too old", path, file)
		}
	}
	return g, nil
}

// Of is the group that a process is in, of version 2 or of the freezer.
func Of(pid int, legacy bool) (*Group, error) {
	path, err := of(fmt.Sprint(pid), legacy)
	if err != nil {
		return nil, err
	}
	return Open(path)
}

// of is the directory of the group that a process is in.
func of(who string, legacy bool) (string, error) { return under(who, hierarchy(legacy)) }

func (g *Group) hierarchy() string { return hierarchy(g.legacy) }

func hierarchy(legacy bool) string {
	if legacy {
		return freezer
	}
	return unified
}

// The hierarchies: that of version 2, and those of version 1 by a controller.
const (
	unified = ""
	freezer = "freezer"
)

// under is the directory of the group of a hierarchy that a process is in.
func under(who, hierarchy string) (string, error) { return within(who, hierarchy, mounts(hierarchy)) }

func within(who, hierarchy string, mounts []mount) (string, error) {
	text, err := procfs.Whole("/proc/" + who + "/cgroup")
	if err != nil {
		return "", err
	}
	path, found := membership(string(text), hierarchy)
	if !found {
		return "", none("it is not mounted")
	}
	for _, m := range mounts {
		if dir, is := m.dir(path); is {
			if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
				return dir, nil
			}
		}
	}
	return "", none("%s is not below any mount", path)
}

// membership finds the path of a group in the text of /proc/PID/cgroup.
func membership(text, hierarchy string) (path string, found bool) {
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 {
			continue
		}
		if hierarchy == unified && parts[0] == "0" && parts[1] == "" || hierarchy != unified && hasWord(parts[1], hierarchy) {
			return parts[2], true
		}
	}
	return "", false
}

// dir is where the group is seen by this mount.
func (m mount) dir(path string) (string, bool) {
	path = filepath.Join("/", path)
	if m.root == "/" {
		return filepath.Join(m.point, path), true
	}
	if rest, is := strings.CutPrefix(path, m.root); is && (rest == "" || rest[0] == '/') {
		return filepath.Join(m.point, rest), true
	}
	return "", false
}

// mounts are those of a hierarchy, the last first, for it covers what was there.
func mounts(hierarchy string) (all []mount) {
	text, err := procfs.Whole("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, " - cgroup") { // of the other lines there may be many
			continue
		}
		if m, is := parseMount(line, hierarchy); is {
			all = append([]mount{m}, all...)
		}
	}
	return all
}

// parseMount reads a line of mountinfo, see proc_pid_mountinfo(5).
func parseMount(line, hierarchy string) (mount, bool) {
	left, right, _ := strings.Cut(line, " - ")
	l, r := strings.Fields(left), strings.Fields(right)
	if len(l) < 5 || len(r) < 3 {
		return mount{}, false
	}
	plain := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	m := mount{plain.Replace(l[3]), plain.Replace(l[4])}
	if hierarchy != unified {
		return m, r[0] == "cgroup" && hasWord(r[2], hierarchy)
	}
	return m, r[0] == "cgroup2"
}

func hasWord(list, word string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one == word {
			return true
		}
	}
	return false
}
