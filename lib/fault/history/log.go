package history

import (
	"encoding/json"
	"io"
	"strconv"
	"sync"
)

// Log is a history that clients write at one time, as Read takes it. It gives each write a value, and each client a process.
type Log struct {
	mu             sync.Mutex
	to             io.Writer
	value, process int64
}

// NewLog is the log of so many clients, which are the processes from 0 on. A line that cannot be written is left out.
func NewLog(to io.Writer, clients int) *Log { return &Log{to: to, process: int64(clients)} }

// Value is one that it has not given before, so that whoever reads it can be told from where.
func (l *Log) Value() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.value++
	return strconv.FormatInt(l.value, 10)
}

// Process is the next process, for a client whose last operation may still come: that one's is busy for ever.
func (l *Log) Process() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.process++
	return l.process - 1
}

// Print writes an event; the value is one that has a form in JSON.
func (l *Log) Print(kind Type, process int64, f, key string, value any) {
	b, err := json.Marshal(struct {
		Type    Type   `json:"type"`
		Process int64  `json:"process"`
		F       string `json:"f"`
		Key     string `json:"key"`
		Value   any    `json:"value"`
	}{kind, process, f, key, value})
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.to.Write(append(b, '\n'))
}
