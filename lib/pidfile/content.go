package pidfile

import (
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/resolve"
)

// readLimit is the largest file that is taken for a pidfile: a pidfile is a few bytes, postmaster.pid a hundred.
const readLimit = 4096

// snapshot is a pidfile as it was read; equal snapshots are the same file, unchanged. The zero value is no file.
type snapshot struct {
	stat     unix.Stat_t
	modified time.Time
	content  string
	record   string
	word     resolve.Word // who else could have written it
}

// same says that the file is the one read and that it was not written to since, nor to its record.
func (s snapshot) same(now snapshot) bool {
	return s.sameFile(&now.stat) && s.modified.Equal(now.modified) && s.content == now.content && s.record == now.record
}

func (s snapshot) sameFile(st *unix.Stat_t) bool { return s.stat.Dev == st.Dev && s.stat.Ino == st.Ino }

// read takes a snapshot; nil without an error says that there is no file. Nothing but a regular file is opened: a
// device may act when opened.
func read(p *resolve.Place) (*snapshot, error) {
	st, err := p.Stat()
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := isPidfile(p.Path, st); err != nil {
		return nil, err
	}
	fd, err := p.OpenFd(unix.O_RDONLY, 0)
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return readOpen(p, fd)
}

// readOpen reads the open file, which may be another one than was there before.
func readOpen(p *resolve.Place, fd int) (*snapshot, error) {
	var s snapshot
	if err := unix.Fstat(fd, &s.stat); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: p.Path, Err: err}
	}
	if err := isPidfile(p.Path, &s.stat); err != nil {
		return nil, err
	}
	content, err := slurp(fd)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: p.Path, Err: err}
	}
	if len(content) > readLimit {
		return nil, tooLarge(p.Path, int64(len(content)))
	}
	s.modified, s.content, s.record = time.Unix(s.stat.Mtim.Unix()), content, claimed.Read(fd)
	s.word = p.FileWord(&s.stat, fd)
	return &s, nil
}

// slurp reads a byte more than readLimit at most. Nearly all pidfiles fit into little, and a stack with room for the others
// would have to grow for it.
func slurp(fd int) (string, error) {
	var short [256]byte
	n, err := unix.Pread(fd, short[:], 0)
	if err != nil || n < len(short) {
		return string(short[:max(n, 0)]), err
	}
	long := make([]byte, n*readLimit/len(short)+1)
	n, err = unix.Pread(fd, long, 0)
	return string(long[:max(n, 0)]), err
}

// isPidfile refuses what never was a pidfile.
func isPidfile(path string, st *unix.Stat_t) error {
	kind := uint32(st.Mode) & unix.S_IFMT
	if kind == unix.S_IFREG {
		if st.Size > readLimit {
			return tooLarge(path, st.Size)
		}
		return nil
	}
	what := map[uint32]string{
		unix.S_IFDIR: "a directory", unix.S_IFIFO: "a FIFO", unix.S_IFLNK: "a symbolic link",
		unix.S_IFSOCK: "a socket", unix.S_IFCHR: "a device", unix.S_IFBLK: "a device",
	}[kind]
	hint := resolve.Quote("rm", path)
	switch kind {
	case unix.S_IFDIR:
		hint = "name a file in it"
	case unix.S_IFCHR, unix.S_IFBLK: // a reader may follow the hint to remove /dev/null
		hint = "check the path"
	}
	owner := fmt.Sprintf("owner %s, mode %04o", resolve.UserName(int(st.Uid)), uint32(st.Mode)&0o7777)
	return &resolve.Unsafe{Path: path, Reason: fmt.Sprintf("is %s, not a pidfile (%s)", what, owner), Hint: hint}
}

func tooLarge(path string, size int64) error {
	reason := fmt.Sprintf("has %d bytes, more than any pidfile (%d)", size, readLimit)
	return &resolve.Unsafe{Path: path, Reason: reason, Hint: "check the path"}
}

// parse finds the PID on the first line of a pidfile: decimal digits between optional blanks, 1 to 2^31-1 (FHS 3.0,
// 3.15.2). Further lines belong to whoever wrote them. Nothing but white space names no process: pid 0, ok.
func parse(content []byte) (pid int, ok bool) {
	if len(bytes.Trim(content, " \t\r\n")) == 0 {
		return 0, true
	}
	line, _, _ := bytes.Cut(content, []byte("\n"))
	digits := bytes.Trim(line, " \t\r")
	if len(digits) > len("2147483647") || len(bytes.Trim(digits, "0123456789")) > 0 {
		return 0, false // also keeps strconv from reading +1 and 1_000
	}
	n, err := strconv.Atoi(string(digits))
	if err != nil || n < 1 || n > math.MaxInt32 {
		return 0, false
	}
	return n, true
}

// format is what a claim for pid writes.
func format(pid int) []byte { return append(strconv.AppendInt(nil, int64(pid), 10), '\n') }

// excerpt shows the start of garbage in one line of printable text.
func excerpt(content []byte) string {
	const most = 32
	line, rest, _ := bytes.Cut(content, []byte("\n"))
	if len(line) > most {
		line, rest = line[:most], line
	}
	quoted := strconv.QuoteToASCII(string(line))
	if len(rest) > 0 {
		quoted += "..."
	}
	return quoted
}
