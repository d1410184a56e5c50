package supervise

import (
	"os"
	"sync"

	"pidbox/lib/daemon"
	"pidbox/lib/spawn"
)

// Output is where a command writes: paths of logs, "-" for the supervisor's own output, "" for nowhere. The files are
// opened for append and handed to the command itself, so that they outlive the supervisor, and anew at each start, so
// that one that was rotated away is let go at the latest by a restart.
type Output struct{ Stdout, Stderr string }

// Open opens both; the same file may be given twice. One that is made belongs to the user
// that the command runs as, nil for our own. The function that it returns closes this side of them.
func (o Output) Open(user *spawn.User) (stdout, stderr *os.File, done func(), err error) {
	if stdout, err = openLog(o.Stdout, os.Stdout, user); err != nil {
		return nil, nil, nil, err
	}
	if stderr = stdout; o.Stderr != o.Stdout || o.Stderr == "-" {
		if stderr, err = openLog(o.Stderr, os.Stderr, user); err != nil {
			closeLog(stdout)
			return nil, nil, nil, err
		}
	}
	return stdout, stderr, func() { closeLog(stdout); closeLog(stderr) }, nil
}

func openLog(path string, own *os.File, user *spawn.User) (*os.File, error) {
	switch path {
	case "":
		return nil, nil
	case "-":
		return own, nil
	}
	return daemon.OpenLog(path, user)
}

func closeLog(f *os.File) {
	if f != nil && f != os.Stdout && f != os.Stderr {
		f.Close()
	}
}

// LogFile is a log of the supervisor's own, which can be rotated away and reopened.
type LogFile struct {
	path string
	mu   sync.Mutex
	file *os.File
}

// OpenLogFile opens the log at path for append.
func OpenLogFile(path string) (*LogFile, error) {
	l := &LogFile{path: path}
	return l, l.Reopen()
}

// Reopen opens the path anew; where that fails the old file is written on.
func (l *LogFile) Reopen() error {
	f, err := openLog(l.path, os.Stderr, nil)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		closeLog(l.file)
	}
	l.file = f
	return nil
}

func (l *LogFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Write(b)
}
