package resolve

import (
	"io/fs"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// walker stands on one directory after the other. Each is opened, judged by its descriptor, and then looked from.
type walker struct {
	policy  Policy
	fd      int
	dir     string // how it came here: absolute, or relative to where it started ("" is the start itself)
	stat    unix.Stat_t
	stood   bool // somewhere before
	procfs  bool // the directory is in a procfs
	mounter int  // the user whose program answers for this file system (FUSE), or root
	magic   bool // the last component is a magic link
	links   int
	word    Word
	users   *accounts
}

func walk(path string, policy Policy) (*Place, error) {
	if err := check(path, policy); err != nil {
		return nil, &fs.PathError{Op: "resolve", Path: path, Err: err}
	}
	w := &walker{policy: policy, fd: -1, users: &accounts{}}
	name, err := w.to(path)
	if err != nil {
		w.leave()
		return nil, err
	}
	for i := range w.word {
		w.word[i].Last = w.word[i].by == identify(&w.stat) && !w.word[i].mount
	}
	p := &Place{
		Path: path, Name: name, fd: w.fd, walked: w.shown(), magic: w.magic, stat: w.stat,
		word: w.word, policy: policy, users: w.users,
	}
	p.canon = sync.OnceValues(func() (string, bool) { return canonical(p.fd, &p.stat) })
	return p, nil
}

// to walks to the directory of rest and returns the name in it.
func (w *walker) to(rest string) (name string, err error) {
	if err := w.start(rest, "."); err != nil {
		return "", err
	}
	for {
		part, after, more := strings.Cut(strings.TrimLeft(rest, "/"), "/")
		link := ""
		switch {
		case more && part == ".":
		case more:
			if link, err = w.step(part); link != "" {
				after = link + "/" + after
			}
		default:
			if link, err = w.last(part); err != nil || link == "" {
				return part, err
			}
			after = link
		}
		if err == nil && strings.HasPrefix(link, "/") {
			err = w.start("/", "")
		}
		if err != nil {
			return "", err
		}
		rest = after
	}
}

// start stands where the kernel starts: at the root for an absolute path, else at here. The judgements made on the
// way are kept. The text of the current directory is not used, which may lead elsewhere by now, or nowhere.
func (w *walker) start(path, here string) error {
	dir := ""
	if strings.HasPrefix(path, "/") {
		here, dir = "/", "/"
	}
	fd, err := w.open(unix.AT_FDCWD, here, 0)
	if err != nil {
		return &fs.PathError{Op: "enter", Path: here, Err: err}
	}
	return w.stand(fd, dir)
}

// stand makes fd the directory that the next step starts from.
func (w *walker) stand(fd int, dir string) error {
	w.leave()
	before := w.stat.Dev
	w.fd, w.dir = fd, dir
	if err := unix.Fstat(fd, &w.stat); err != nil {
		return &fs.PathError{Op: "stat", Path: w.shown(), Err: err}
	}
	if !w.stood || w.stat.Dev != before { // another file system
		w.procfs, w.mounter = filesystem(fd, &w.stat)
	}
	w.stood = true
	w.judgeDirectory()
	return nil
}

func (w *walker) leave() {
	if w.fd >= 0 {
		unix.Close(w.fd)
		w.fd = -1
	}
}

// step enters the directory called part, or returns where the symbolic link of that name leads.
func (w *walker) step(part string) (link string, err error) {
	name := w.name(part)
	for range maxLooks {
		fd, err := w.open(w.fd, part, unix.O_NOFOLLOW)
		switch err {
		case nil:
			return "", w.stand(fd, name)
		case unix.ENOENT:
			if err := w.make(part, name); err != nil {
				return "", err
			}
			continue
		case unix.ENOTDIR, unix.ELOOP, unix.EMLINK: // a link, a file, or what was one a moment ago
		default:
			return "", &fs.PathError{Op: "enter", Path: name, Err: err}
		}
		target, is, owner, err := w.link(part, name)
		switch {
		case err != nil:
			return "", err
		case is == nothing, is == directory:
			continue
		case is == file:
			return "", &fs.PathError{Op: "enter", Path: name, Err: unix.ENOTDIR}
		}
		if err := w.mayFollow(part, is, owner); err != nil || is == textLink {
			return target, err
		}
		if fd, err = w.open(w.fd, part, 0); err != nil { // the kernel enters what a process has open
			return "", &fs.PathError{Op: "enter", Path: name, Err: err}
		}
		return "", w.stand(fd, name)
	}
	return "", &fs.PathError{Op: "enter", Path: name, Err: unix.EAGAIN}
}

// make makes a missing directory, if it is to be made and everybody who could have determined where we are could make
// it.
func (w *walker) make(part, name string) error {
	missing := &fs.PathError{Op: "enter", Path: name, Err: unix.ENOENT}
	if w.policy.Make == 0 {
		return missing
	}
	// Only the caller can make files in what he makes: whoever else could have brought us here must be trusted. Those who
	// can merely replace entries, such as the group of BOSH's run directories, gain nothing by a new one of the caller's.
	if err := w.word.Without(Party.Replaces).May(Mkdir, mine{}, w.policy.Trust...); err != nil {
		return err
	}
	if w.policy.DryRun {
		if err := unix.Faccessat(w.fd, ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
			return &fs.PathError{Op: "make the directory", Path: name, Err: err}
		}
		return missing
	}
	w.policy.before("mkdirat")
	err := unix.Mkdirat(w.fd, part, uint32(w.policy.Make.Perm()))
	if err != nil && err != unix.EEXIST {
		return &fs.PathError{Op: "make the directory", Path: name, Err: err}
	}
	if err == nil && w.policy.Made != nil {
		w.policy.Made(w.full(part))
	}
	return nil
}

// last looks whether the last component is a link that is to be followed, and returns where it leads.
func (w *walker) last(part string) (link string, err error) {
	if isDirectory(part) {
		return "", &Unsafe{Path: w.full(part), Reason: "is a directory, not a file", Hint: "name a file in it"}
	}
	w.policy.before("fstatat")
	var st unix.Stat_t
	err = unix.Fstatat(w.fd, part, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT || err == nil && st.Mode&unix.S_IFMT != unix.S_IFLNK {
		return "", nil
	}
	target, is, owner, err := w.link(part, w.name(part))
	switch {
	case err != nil || is != textLink && is != magicLink:
		return "", err
	case !w.policy.Follow:
		return "", unsafeLink(w.full(part), w.users, owner, w.canUnlink(owner))
	}
	w.magic = is == magicLink
	return target, w.mayFollow(part, is, owner)
}

func (w *walker) open(dir int, name string, flags int) (int, error) {
	w.policy.before("openat")
	return retry(func() (int, error) { return unix.Openat(dir, name, dirFlags|flags, 0) })
}

func retry(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); err != unix.EINTR {
			return n, err
		}
	}
}
