//go:build linux

package testscripts

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// setxattr NAME VALUE PATH: sets an extended attribute, of a symbolic link the link's. A bare - removes it.
func setxattr(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 3, "setxattr name value|- path")
	path := ts.MkAbs(args[2])
	if args[1] == "-" {
		ts.Check(unix.Lremovexattr(path, args[0]))
		return
	}
	ts.Check(unix.Lsetxattr(path, args[0], []byte(args[1]), 0))
}

// aclEntry is an entry as the kernel keeps it: posix_acl_xattr.h.
type aclEntry struct {
	Tag, Perm uint16
	ID        uint32
}

// The tags of entries, in the order in which the kernel wants them.
const (
	aclOwner, aclUser, aclOwnGroup, aclGroup, aclMask, aclOther = 1, 2, 4, 8, 16, 32
)

// acl [-d] PATH ENTRY... | -: gives PATH this POSIX ACL (with -d, a directory its default one): u:USER:rwx, g:GROUP:r-x,
// g::rw- (the owning group), m::rwx (the mask, which is else all that groups and named users have). The rest is as the
// mode says. A bare - removes the ACL. Names or numbers.
func acl(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "acl [-d] path entry... | -")
	name := "system.posix_acl_access"
	if args[0] == "-d" {
		name, args = "system.posix_acl_default", args[1:]
	}
	path := ts.MkAbs(args[0])
	if args[1] == "-" {
		ts.Check(unix.Lremovexattr(path, name))
		return
	}
	info, err := os.Lstat(path)
	ts.Check(err)
	value, err := encodeACL(uint16(info.Mode().Perm()), args[1:])
	ts.Check(err)
	ts.Check(unix.Lsetxattr(path, name, value, 0))
}

func encodeACL(mode uint16, texts []string) ([]byte, error) {
	const nobodys = ^uint32(0)
	base := []aclEntry{{aclOwner, mode >> 6 & 7, nobodys}, {aclOwnGroup, mode >> 3 & 7, nobodys}, {aclOther, mode & 7, nobodys}}
	var entries []aclEntry
	for _, text := range texts {
		entry, err := parseACL(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
		base = slices.DeleteFunc(base, func(b aclEntry) bool { return b.Tag == entry.Tag })
		entries = append(entries, entry)
	}
	entries = append(entries, base...)
	if !slices.ContainsFunc(entries, func(e aclEntry) bool { return e.Tag == aclMask }) {
		mask := aclEntry{Tag: aclMask, ID: nobodys}
		for _, e := range entries {
			if e.Tag == aclUser || e.Tag == aclOwnGroup || e.Tag == aclGroup {
				mask.Perm |= e.Perm
			}
		}
		entries = append(entries, mask)
	}
	slices.SortFunc(entries, func(a, b aclEntry) int {
		if a.Tag != b.Tag {
			return int(a.Tag) - int(b.Tag)
		}
		return int(int64(a.ID) - int64(b.ID))
	})
	var value bytes.Buffer
	err := binary.Write(&value, binary.LittleEndian, uint32(2)) // the version
	if err == nil {
		err = binary.Write(&value, binary.LittleEndian, entries)
	}
	return value.Bytes(), err
}

func parseACL(text string) (entry aclEntry, err error) {
	fields := strings.Split(text, ":")
	if len(fields) != 3 {
		return entry, fmt.Errorf("not kind:name:rwx")
	}
	for i, letter := range "rwx" {
		if strings.ContainsRune(fields[2], letter) {
			entry.Perm |= 4 >> i
		}
	}
	id := -1
	switch kind, name := fields[0], fields[1]; {
	case kind == "u" && name == "":
		entry.Tag = aclOwner
	case kind == "u":
		entry.Tag = aclUser
		if u, e := user.Lookup(name); e == nil {
			name = u.Uid
		}
		id, err = strconv.Atoi(name)
	case kind == "g" && name == "":
		entry.Tag = aclOwnGroup
	case kind == "g":
		entry.Tag = aclGroup
		id, err = groupNumber(name)
	case kind == "m":
		entry.Tag = aclMask
	case kind == "o":
		entry.Tag = aclOther
	default:
		err = fmt.Errorf("no such kind of entry")
	}
	entry.ID = uint32(id)
	return entry, err
}

// touchat [-whole|-even] TIME PATH: sets the times of PATH, of a symbolic link the link's. TIME is in RFC 3339, or now, boot
// or start:PID (of a number or what a pidfile names, in hundredths), each with +D or -D behind it as in now-90s. -whole
// rounds down to a second, -even to an even one, as FAT keeps it.
func touchat(ts *testscript.TestScript, args []string) {
	const usage = "touchat [-whole|-even] time path"
	needArgs(ts, args, 2, usage)
	step := time.Nanosecond
	switch args[0] {
	case "-whole":
		step, args = time.Second, args[1:]
	case "-even":
		step, args = 2*time.Second, args[1:]
	}
	needArgs(ts, args, 2, usage)
	at, err := moment(ts, args[0])
	ts.Check(err)
	at = time.Unix(0, at.UnixNano()/int64(step)*int64(step))
	times := []unix.Timespec{unix.NsecToTimespec(at.UnixNano()), unix.NsecToTimespec(at.UnixNano())}
	ts.Check(unix.UtimesNanoAt(unix.AT_FDCWD, ts.MkAbs(args[1]), times, unix.AT_SYMLINK_NOFOLLOW))
}

func moment(ts *testscript.TestScript, text string) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, nil
	}
	base, offset := text, time.Duration(0)
	if i := strings.LastIndexAny(text, "+-"); i > 0 {
		d, err := time.ParseDuration(text[i:])
		if err != nil {
			return time.Time{}, err
		}
		base, offset = text[:i], d
	}
	var sinceBoot unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &sinceBoot); err != nil {
		return time.Time{}, err
	}
	now := time.Now()
	boot := now.Add(-time.Duration(sinceBoot.Nano()))
	switch who, isStart := strings.CutPrefix(base, "start:"); {
	case isStart:
		pid, err := pidOf(ts, who)
		if err != nil {
			return now, err
		}
		fields := stat(pid)
		if len(fields) < 20 {
			return now, fmt.Errorf("no process %d", pid)
		}
		ticks, err := strconv.ParseInt(fields[19], 10, 64) // field 22 of proc_pid_stat(5), in 1/100 s
		return boot.Add(time.Duration(ticks)*10*time.Millisecond + offset), err
	case base == "now":
		return now.Add(offset), nil
	case base == "boot":
		return boot.Add(offset), nil
	}
	return now, fmt.Errorf("%q is no time", text)
}

// inode NAME PID: sets $NAME to the inode of the process (a number, or what a pidfile names) on pidfs, by which it differs
// from all others since boot. The script is skipped where the kernel has no such file system (before Linux 6.9).
func inode(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "inode name pid")
	pid, err := pidOf(ts, args[1])
	ts.Check(err)
	fd, err := unix.PidfdOpen(pid, 0)
	ts.Check(err)
	defer unix.Close(fd)
	const pidfs = 0x50494446 // PID_FS_MAGIC
	var fs unix.Statfs_t
	ts.Check(unix.Fstatfs(fd, &fs))
	if fs.Type != pidfs {
		of(ts).t.Skip("no pidfs")
	}
	var st unix.Stat_t
	ts.Check(unix.Fstat(fd, &st))
	ts.Setenv(args[0], strconv.FormatUint(st.Ino, 10))
}
