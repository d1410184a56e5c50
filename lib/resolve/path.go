package resolve

import (
	"path"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"
)

const (
	maxPath  = 4096 // PATH_MAX, the NUL included
	maxName  = 255  // NAME_MAX
	maxLinks = 40   // in all, as path_resolution(7) has it
	maxLooks = 40   // at one component that is being replaced all the time
)

// check refuses what the kernel would refuse in the end, before anything is made.
func check(path string, policy Policy) error {
	switch {
	case path == "":
		return unix.ENOENT
	case strings.IndexByte(path, 0) >= 0:
		return unix.EINVAL
	case len(path) >= maxPath:
		return unix.ENAMETOOLONG
	case policy.Make != 0:
		for part := range strings.SplitSeq(path, "/") {
			if len(part) > maxName {
				return unix.ENAMETOOLONG
			}
		}
	}
	return nil
}

// name is the path of part, with no links but those that are called so.
func (w *walker) name(part string) string {
	up := w.dir == "" || w.dir == ".." || strings.HasSuffix(w.dir, "/..")
	switch {
	case part == ".." && up && w.dir == "":
		return ".."
	case part == ".." && up:
		return w.dir + "/.."
	case part == ".." && !strings.Contains(w.dir, "/"):
		return ""
	case part == "..":
		return path.Dir(w.dir)
	case w.dir == "":
		return part
	}
	return strings.TrimSuffix(w.dir, "/") + "/" + part
}

func (w *walker) shown() string {
	if w.dir == "" {
		return "."
	}
	return w.dir
}

// full is the path of part for messages, absolute if the kernel knows it.
func (w *walker) full(part string) string {
	dir, ok := canonical(w.fd, &w.stat)
	if !ok {
		return w.name(part)
	}
	return join(dir, part)
}

// isDirectory holds for a last component that can name nothing else.
func isDirectory(part string) bool { return part == "" || part == "." || part == ".." }

func join(dir, name string) string { return strings.TrimSuffix(dir, "/") + "/" + name }

// Quote is a shell's command line in which path is one word and no option.
func Quote(command, path string) string {
	plain := func(r rune) bool {
		return strings.ContainsRune("%+,-./:=@_", r) || unicode.IsLetter(r) || unicode.IsDigit(r)
	}
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	if strings.ContainsFunc(path, func(r rune) bool { return !plain(r) }) {
		path = "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return command + " " + path
}
