package supervise

import (
	"io"
	"os"

	"pidbox/lib/journal"
)

// Log is where a supervisor writes its events, one a line.
type Log struct {
	Path  string    // "": to Else
	Else  io.Writer // the standard error
	JSON  bool
	Level journal.Level
}

// logger is an open Log. It never blocks, see queue, and is to be closed.
type logger struct {
	*journal.Logger
	queue *queue
	file  *logFile // nil where there is no file
}

// open opens it; see Output for what insecure means.
func (l Log) open(insecure bool) (logger, error) {
	to, file := l.Else, (*logFile)(nil)
	if l.Path != "" {
		file = &logFile{path: l.Path, insecure: insecure}
		if err := file.reopen(); err != nil {
			return logger{}, err
		}
		to = file
	}
	// What was lost is written past the queue, by the goroutine that empties it.
	q := newQueue(to, func(n int64) { l.journal(to).Warn("log lines were dropped", "lines", n) })
	return logger{l.journal(q), q, file}, nil
}

func (l Log) journal(to io.Writer) *journal.Logger { return journal.New(to, l.JSON, l.Level) }

// reopen opens the file anew, in its turn; where that fails the old one is written on.
func (l logger) reopen() {
	if l.file == nil {
		return
	}
	l.queue.Do(func() {
		if err := l.file.reopen(); err != nil {
			l.Warn("logs not opened anew", "error", err.Error()) // to the old one, which can still be read
		}
	})
}

func (l logger) close() {
	if l.file == nil {
		l.queue.Close()
		return
	}
	l.queue.flush(diskTurns)
	closeLog(l.file.file)
}

// logFile is a log of the supervisor's own, which can be rotated away and reopened. It is its queue's alone.
type logFile struct {
	path     string
	insecure bool
	file     *os.File
}

func (l *logFile) reopen() error {
	f, err := openLog(l.path, os.Stderr, nil, l.insecure, nil)
	if err != nil {
		return err
	}
	if l.file != nil {
		closeLog(l.file)
	}
	l.file = f
	return nil
}

func (l *logFile) Write(b []byte) (int, error) { return l.file.Write(b) }
