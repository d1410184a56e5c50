// Package resolve finds the place that a path names, and who could have determined what is there.
//
// The promise: a walk goes as the kernel goes (path_resolution(7)), one component at a time on open directories, so
// that nothing that was looked at can be replaced before it is used. It starts at the directory that "." is, or at
// "/". What it returns is an open directory and a name in it, and with them every user who could have made the path
// lead elsewhere: owners of directories, those who can replace files in them by mode, by group or by ACL (acl(5)),
// and the owners of FUSE mounts. Word.May is the one gate: an act is safe if each user on whose word it would be done
// could have done it himself, for signals by the rule of kill(2), for files by the rules of unlink(2) and open(2).
//
// Symbolic links are followed only if they are root's or the caller's own, which is stricter than
// fs.protected_symlinks (proc_sys_fs(5)). Magic links of /proc lead where no text says, so only the kernel enters
// them, if the caller allows it.
//
// The limits: members of groups are those that /etc/group and /etc/passwd list, and supplementary groups given to a
// running process by other means are not seen. NFSv4 ACLs and capabilities of users other than root are not seen
// either. A user who wrote to a file before it was made safe is not known, so the advice is to remove what he made.
package resolve

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Policy says how a walk goes. The zero value follows links of root and of the caller in the directories of the path,
// and makes nothing.
type Policy struct {
	Insecure bool         // follow any link, make directories anywhere, and name no user: the gate then allows all
	Make     fs.FileMode  // make missing directories with this mode less the umask; 0: do not. Each passes the gate
	Made     func(string) // with Make: hears of each directory that was made, by its absolute path; may be nil
	DryRun   bool         // with Make: fs.ErrNotExist where a directory would be made, another error where it could not
	Trust    []int        // users who count as the caller where directories are made
	Follow   bool         // the last component may be a link, and is followed by the same rule
	Magic    bool         // let the kernel enter magic links of /proc (root, cwd, exe, fd/N); else they are refused

	hook func(call string) // of tests: runs before each system call that looks
}

func (p *Policy) before(call string) {
	if p.hook != nil {
		p.hook(call)
	}
}

// Place is a name in a directory that is held open, so that it stays the same one. There may be no file of that name.
type Place struct {
	Path string // as the caller wrote it
	Name string // in the directory

	fd     int
	lent   bool   // the descriptor is another place's
	walked string // the directory's path as it was walked, links replaced by where they led
	magic  bool   // the name is a magic link, which the kernel is to follow
	stat   unix.Stat_t
	word   Word
	policy Policy
	users  *accounts
	canon  func() (string, bool)
}

// Walk goes to the directory of path. A missing directory is fs.ErrNotExist, a link or a directory that a stranger
// could have made is an *Unsafe.
func Walk(path string, p Policy) (*Place, error) { return walk(path, p) }

// Fd is the open directory; on Linux it is an O_PATH descriptor.
func (p *Place) Fd() int { return p.fd }

// Close closes the directory. A place that is nil or closed may be closed.
func (p *Place) Close() {
	if p != nil && p.fd >= 0 && !p.lent {
		unix.Close(p.fd)
		p.fd = -1
	}
}

// Lent is the same place, which lives as long as p, whether it is closed or not.
func (p *Place) Lent() *Place {
	other := *p
	other.lent = true
	return &other
}

// Beside is another name in the same directory. It lives as long as p.
func (p *Place) Beside(name string) *Place {
	other := p.Lent()
	other.Name, other.Path, other.magic = name, filepath.Join(filepath.Dir(p.Path), name), false
	return other
}

// Next is the place of another path, if that is written with the same directory and is no link, without another walk. It
// lives as long as p. Otherwise there is a walk to be done.
func (p *Place) Next(path string) (next *Place, ok bool) {
	here, there := strings.LastIndexByte(p.Path, '/')+1, strings.LastIndexByte(path, '/')+1
	name := path[there:]
	if p.policy.Follow || p.Path[:here] != path[:there] || isDirectory(name) || check(path, p.policy) != nil {
		return nil, false
	}
	var st unix.Stat_t
	err := unix.Fstatat(p.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil && err != unix.ENOENT || err == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return nil, false
	}
	next = p.Lent()
	next.Name, next.Path = name, path
	return next, true
}

// Dir is the directory's path, for messages: Canonical, or else the path as it was walked.
func (p *Place) Dir() string {
	if dir, ok := p.canon(); ok {
		return dir
	}
	return p.walked
}

// Canonical is the directory's absolute path without links, as the kernel has it. It is not ok where that does not
// lead here, since the directory was removed, is covered by a mount, or is of another mount namespace. It identifies
// a place in records, and is not for opening anything.
func (p *Place) Canonical() (dir string, ok bool) { return p.canon() }

// File is Dir and the name.
func (p *Place) File() string { return join(p.Dir(), p.Name) }

// DirID identifies the directory on this machine.
func (p *Place) DirID() (dev, ino uint64) { return uint64(p.stat.Dev), uint64(p.stat.Ino) }

// Word lists all users but root and the caller who could have determined which directory this is and which file has
// the name. What the file says is the word of others too: see FileWord.
func (p *Place) Word() Word { return slices.Clone(p.word) }

// Born is when the directory was made, in nanoseconds since 1970: file systems give the number of one that was removed to
// the next. It is 0 where that is not known.
func (p *Place) Born() int64 { return born(p.fd) }

// Squats says that a file of that kind in the directory may be there by the hand of somebody who can make files in it but
// not change those of others, since it is sticky: it is neither root's nor the caller's nor the directory's owner's, or it
// has further names.
func (p *Place) Squats(st *unix.Stat_t) bool {
	mode, owner := uint32(p.stat.Mode), int(st.Uid)
	if mode&unix.S_ISVTX == 0 || mode&0o022 == 0 {
		return false
	}
	known := owner == 0 || isCaller(owner) || owner == int(p.stat.Uid) && !p.users.unmapped(owner)
	return !known || st.Mode&unix.S_IFMT == unix.S_IFREG && st.Nlink > 1
}

// Stat is fstatat(2) of the name. A link is not followed, except a magic one that the walk was to follow.
func (p *Place) Stat() (*unix.Stat_t, error) {
	var st unix.Stat_t // on the stack of a caller that keeps it there: the compiler inlines this
	if err := p.statInto(&st); err != nil {
		return nil, err
	}
	return &st, nil
}

func (p *Place) statInto(st *unix.Stat_t) error {
	flags := unix.AT_SYMLINK_NOFOLLOW
	if p.magic {
		flags = 0
	}
	if err := unix.Fstatat(p.fd, p.Name, st, flags); err != nil {
		return &fs.PathError{Op: "stat", Path: p.Path, Err: err}
	}
	return nil
}
