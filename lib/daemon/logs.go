package daemon

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"pidbox/lib/pidfile"
	"pidbox/lib/resolve"
	"pidbox/lib/spawn"
)

// logs are the files that a daemon writes to; nil is /dev/null.
type logs struct {
	out, err *os.File
	words    Words
}

// logPolicy is the pidfile's, but for those trusted to have written that: they are not to have us write elsewhere.
func logPolicy(rules pidfile.Rules) resolve.Policy {
	return resolve.Policy{Insecure: rules.AllowInsecure, Make: spawn.DirectoryMode, Made: rules.Made}
}

// ownOutput names this process's own standard output or error.
const ownOutput = "-"

func openLog(path string, own int, truncate bool, user *spawn.User, policy resolve.Policy) (*os.File, error) {
	if path != ownOutput {
		return spawn.OpenLog(path, truncate, user, policy)
	}
	fd, err := syscall.Dup(own)
	if err != nil {
		return nil, fmt.Errorf("own output, descriptor %d: %w", own, err)
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), ownOutput), nil
}

func openLogs(out, errs string, truncate bool, user *spawn.User, policy resolve.Policy) (l logs, err error) {
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if out != "" {
		if l.out, err = openLog(out, 1, truncate, user, policy); err != nil {
			return l, err
		}
	}
	if errs != "" {
		if l.err, err = openLog(errs, 2, truncate, user, policy); err != nil {
			return l, err
		}
	}
	l.words = WordsIn(l.told())
	return l, nil
}

// told is the file that tells why a daemon died.
func (l *logs) told() *os.File {
	if l.err != nil {
		return l.err
	}
	return l.out
}

// Words are what is written to a log from some moment on.
type Words struct {
	log  *os.File
	from int64
}

// WordsIn are those to come in a log, which stays the caller's; nil has none.
func WordsIn(log *os.File) Words {
	w := Words{log: log}
	if log != nil {
		if info, err := log.Stat(); err == nil {
			w.from = info.Size()
		}
	}
	return w
}

// Last is the log's name, "" for none, and the last lines of them.
func (w Words) Last() (path string, lines []string) {
	const most, bytes = 5, 4096
	f := w.log
	if f == nil {
		return "", nil
	}
	if f.Name() == ownOutput { // there it is
		return ownOutput, nil
	}
	file, err := os.Open(fmt.Sprintf("/dev/fd/%d", f.Fd())) // the same file, though it was renamed
	if err != nil {
		if file, err = os.Open(f.Name()); err != nil {
			return f.Name(), nil
		}
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return f.Name(), nil
	}
	from := max(w.from, info.Size()-bytes)
	text, _ := io.ReadAll(io.NewSectionReader(file, from, bytes))
	lines = strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if from > w.from && len(lines) > 1 {
		lines = lines[1:] // only the end of it was read
	}
	lines = lines[max(0, len(lines)-most):]
	if len(lines) == 1 && lines[0] == "" {
		lines = nil
	}
	return f.Name(), lines
}

func (l *logs) close() {
	for _, f := range []*os.File{l.out, l.err} {
		if f != nil {
			f.Close()
		}
	}
}
