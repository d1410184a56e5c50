package supervise

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// stalled is a writer whose reader goes on only when it is told to.
type stalled struct {
	bytes.Buffer
	free chan struct{}
}

func (s *stalled) Write(b []byte) (int, error) {
	<-s.free
	return s.Buffer.Write(b)
}

// Lines that find no room are dropped and counted, the others come in order, and no Write waits.
func TestQueueDropsAndCounts(t *testing.T) {
	to := &stalled{free: make(chan struct{})}
	var q *queue
	q = newQueue(to, func(n int64) { _, _ = q.Write(fmt.Appendf(nil, "lost %d\n", n)) })
	const lines = 3 * queueLength
	for i := range lines {
		if n, err := fmt.Fprintf(q, "line %d\n", i); n == 0 || err != nil {
			t.Fatal(n, err)
		}
	}
	close(to.free)
	for len(q.lines) > 0 || q.dropped.Load() > 0 {
		time.Sleep(time.Millisecond)
	}
	q.Close()
	written, lost, last := 0, 0, -1
	for text := range strings.Lines(to.String()) {
		var n int
		if _, err := fmt.Sscanf(text, "lost %d", &n); err == nil {
			lost += n
			continue
		}
		if _, err := fmt.Sscanf(text, "line %d", &n); err != nil || n <= last {
			t.Fatalf("%q after line %d", text, last)
		}
		last = n
		written++
	}
	if written+lost != lines || lost == 0 {
		t.Errorf("%d written and %d lost of %d", written, lost, lines)
	}
}

// A reader that never reads holds up the end for a bounded time.
func TestQueueEndsWithoutAReader(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	q := newQueue(w, func(int64) {})
	for range queueLength {
		_, _ = q.Write(make([]byte, 4096))
	}
	q.Close()
	if len(q.lines) == 0 {
		t.Error("the pipe took all of it")
	}
	if n, err := q.Write([]byte("late")); n != 4 || err != nil {
		t.Error(n, err)
	}
}

// What is to be done is not dropped with the lines, though no room is left for it.
func TestQueueDoesWhatFindsNoRoom(t *testing.T) {
	to := &stalled{free: make(chan struct{})}
	q := newQueue(to, func(int64) {})
	for range 2 * queueLength {
		_, _ = q.Write([]byte("line\n"))
	}
	did := make(chan struct{})
	q.Do(func() { close(did) })
	close(to.free)
	<-did
	q.Close()
}
