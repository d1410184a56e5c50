package pidfile

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"
)

// writer is a user who could have put another file in the pidfile's place, and so could make whoever acts on it
// signal a process of his choice. That matters unless it is a process of his own.
type writer struct {
	uid    int
	path   string
	reason string // "is owned by ", to be followed by the name
	hint   string // the command that mends it
}

// nobodyKnown is the writer of a group that no user is listed in.
const nobodyKnown = -2 // -1 is the owner of a process of whom that is not known

// judgeDir finds out who can exchange what is in the directory w stands on.
func (w *walk) judgeDir() error {
	var st unix.Stat_t
	if err := unix.Fstat(w.fd, &st); err != nil {
		return fmt.Errorf("%s: %w", w.dir, err)
	}
	w.writers = append(w.writers, writer{int(st.Uid), w.dir, "is owned by ", mend("chown root", w.dir)})
	mode := uint32(st.Mode)
	if w.rules.AllowInsecure || mode&unix.S_ISVTX != 0 { // in a sticky directory only the owner of a file can exchange it
		return nil
	}
	if mode&0o002 != 0 && w.unsafe == nil {
		w.unsafe = &UnsafeError{w.dir, fmt.Sprintf("everybody can exchange the files in it (%s)", describe(&st)), mend("chmod go-w", w.dir)}
		if w.claims { // nothing is made in there
			return w.unsafe
		}
	}
	if mode&0o020 != 0 {
		group, uids := members(int(st.Gid))
		for _, uid := range uids {
			w.members = append(w.members, writer{uid, w.dir, "its files can be exchanged by group " + group + ", which includes ", mend("chmod g-w", w.dir)})
		}
	}
	return nil
}

// entrust fails with an *UnsafeError if anybody but root, the caller and the users given has been a writer.
func entrust(writers []writer, rules Rules, users ...int) error {
	if rules.AllowInsecure {
		return nil
	}
	users = append(users, rules.Trust...)
	for _, w := range writers {
		if w.uid != 0 && w.uid != os.Geteuid() && !slices.Contains(users, w.uid) {
			return &UnsafeError{w.path, w.reason + userName(w.uid), w.hint}
		}
	}
	return nil
}

// judgeFile refuses what is no pidfile, and what others than its owner can write.
func judgeFile(path string, st *unix.Stat_t, rules Rules) error {
	if kind := uint32(st.Mode) & unix.S_IFMT; kind != unix.S_IFREG {
		what := map[uint32]string{unix.S_IFDIR: "a directory", unix.S_IFIFO: "a FIFO", unix.S_IFLNK: "a symbolic link",
			unix.S_IFSOCK: "a socket", unix.S_IFCHR: "a device", unix.S_IFBLK: "a device"}[kind]
		hint := mend("rm", path)
		switch kind {
		case unix.S_IFDIR:
			hint = "name a file in it"
		case unix.S_IFCHR, unix.S_IFBLK: // somebody may follow the hint to remove /dev/null
			hint = "check the path"
		}
		return &UnsafeError{path, fmt.Sprintf("is %s, not a pidfile (%s)", what, describe(st)), hint}
	}
	if uint32(st.Mode)&0o022 != 0 && !rules.AllowInsecure {
		return &UnsafeError{path, fmt.Sprintf("others than its owner can write it (%s)", describe(st)), mend("chmod go-w", path)}
	}
	return nil
}

// mend is a shell's command line, in which the path is one word and no option.
func mend(command, path string) string {
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

// describe is the owner and the mode of a file, for messages.
func describe(st *unix.Stat_t) string {
	return fmt.Sprintf("owner %s, mode %04o", userName(int(st.Uid)), uint32(st.Mode)&0o7777)
}
