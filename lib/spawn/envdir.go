package spawn

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pidbox/lib/resolve"
)

// EnvDir is base as the files of a directory have it, as envdir(8): a file's name is a variable, its first line the value,
// without blanks at its end and with line ends for NULs; an empty file takes the variable away. Names with a dot in front
// are passed over, and so are links to nowhere, and directories unless strict. Who could have written a file must be one who may signal a process of the user, nil for the caller:
// else it is a *resolve.Unsafe.
func EnvDir(base []string, dir string, as *User, strict bool) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	uid := os.Geteuid()
	if as != nil {
		uid = as.UID
	}
	const most = 1 << 20
	env := slices.Clone(base)
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") || entry.IsDir() && !strict {
			continue
		}
		path := filepath.Join(dir, name)
		fi, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) { // a link to nowhere, or it was removed just now
			continue
		}
		if err == nil && fi.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) != 0 { // there might never be a writer
			return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")}
		}
		text, err := resolve.ReadFile(path, most, uid, resolve.Policy{Follow: true})
		if err != nil {
			return nil, err
		}
		env = slices.DeleteFunc(env, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
		if len(text) == 0 {
			continue
		}
		line, _, _ := bytes.Cut(text, []byte("\n"))
		line = bytes.ReplaceAll(bytes.TrimRight(line, " \t"), []byte{0}, []byte{'\n'})
		env = append(env, name+"="+string(line))
	}
	return env, nil
}

// ParseIDs resolves USER[:GROUP...] as chpst(8): names only, or, with a colon in front, numbers only. Of the groups of
// the user only the primary one stays, and none where others are given; HOME and the like are not looked up.
func ParseIDs(s string) (*User, error) {
	if numbers, ok := strings.CutPrefix(s, ":"); ok {
		return numericIDs(numbers)
	}
	name, rest, given := strings.Cut(s, ":")
	u, err := lookupUser(name)
	if err != nil || u.Login != name {
		return nil, errors.New("unknown user/group: " + s)
	}
	u.Groups = []int{u.GID}
	if !given {
		return u, nil
	}
	u.Groups = nil
	for group := range strings.SplitSeq(rest, ":") {
		id, err := lookupGroup(group)
		if _, number := parseID(group); err != nil || number {
			return nil, errors.New("unknown user/group: " + s)
		}
		u.Groups = append(u.Groups, id)
	}
	u.GID = u.Groups[0]
	return u, nil
}

func numericIDs(s string) (*User, error) {
	u := &User{Name: s}
	for i, text := range strings.Split(s, ":") {
		id, ok := parseID(text)
		switch {
		case !ok:
			return nil, errors.New("invalid uid/gids: " + s)
		case i == 0:
			u.UID, u.GID = id, id
			continue
		case i == 1:
			u.GID = id
		}
		u.Groups = append(u.Groups, id)
	}
	if u.Groups == nil {
		u.Groups = []int{u.GID}
	}
	return u, nil
}
