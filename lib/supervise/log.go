package supervise

import (
	"io"
	"log/slog"
	"os"
	"sync"
)

// Log is where a supervisor writes its events, one a line.
type Log struct {
	Path  string    // "": to Else
	Else  io.Writer // the standard error
	JSON  bool
	Level slog.Level
}

// logger is an open Log.
type logger struct {
	*slog.Logger
	file *LogFile // nil where there is no file
}

// open opens it; see Output for what insecure means.
func (l Log) open(insecure bool) (logger, error) {
	to, file := l.Else, (*LogFile)(nil)
	if l.Path != "" {
		var err error
		if file, err = OpenLogFile(l.Path, insecure); err != nil {
			return logger{}, err
		}
		to = file
	}
	options := &slog.HandlerOptions{Level: l.Level}
	if l.JSON {
		return logger{slog.New(slog.NewJSONHandler(to, options)), file}, nil
	}
	return logger{slog.New(slog.NewTextHandler(to, options)), file}, nil
}

func (l logger) close() {
	if l.file != nil {
		closeLog(l.file.file)
	}
}

// LogFile is a log of the supervisor's own, which can be rotated away and reopened.
type LogFile struct {
	path     string
	insecure bool
	mu       sync.Mutex
	file     *os.File
}

// OpenLogFile opens the log at path for append.
func OpenLogFile(path string, insecure bool) (*LogFile, error) {
	l := &LogFile{path: path, insecure: insecure}
	return l, l.Reopen()
}

// Reopen opens the path anew; where that fails the old file is written on. A nil log has nothing to reopen.
func (l *LogFile) Reopen() error {
	if l == nil {
		return nil
	}
	f, err := openLog(l.path, os.Stderr, nil, l.insecure)
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
