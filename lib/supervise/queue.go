package supervise

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// queue is a writer that never blocks: lines go to the underlying one, in order, by a goroutine of their own. Where that
// one has no reader the lines that find no room are dropped, and counted: lost is called with the number of them, to
// write a line about it, once there is room again.
type queue struct {
	to      io.Writer
	lost    func(n int64)
	lines   chan line
	dropped atomic.Int64
	early   atomic.Pointer[func()]
	ending  sync.Once
	over    chan struct{} // closed at the end
	done    chan struct{} // closed when all was written
}

// line is what to write, or something else to do in its turn.
type line struct {
	text []byte
	do   func()
}

// queueLength is how many lines wait at most.
const queueLength = 256

// The end waits for the last lines to be written, for so many turns of a pause: while this process does not get to run, as
// on a busy machine, none of them passes. A file has no reader that could stall; its disk is given more of them.
const (
	flushPause = 10 * time.Millisecond
	flushTurns = 100
	diskTurns  = 1000
)

func newQueue(to io.Writer, lost func(int64)) *queue {
	q := &queue{to: to, lost: lost, lines: make(chan line, queueLength), over: make(chan struct{}), done: make(chan struct{})}
	go q.run()
	return q
}

func (q *queue) run() {
	defer close(q.done)
	for {
		select {
		case l := <-q.lines:
			q.take(l)
		case <-q.over:
			for {
				select {
				case l := <-q.lines:
					q.take(l)
				default:
					return
				}
			}
		}
	}
}

func (q *queue) take(l line) {
	switch {
	case l.do != nil:
		l.do()
	case l.text != nil:
		_, _ = q.to.Write(l.text) // nowhere is left to report a failure to
	}
	if do := q.early.Swap(nil); do != nil {
		(*do)()
	}
	if q.dropped.Load() > 0 && len(q.lines) < queueLength/2 {
		q.lost(q.dropped.Swap(0))
	}
}

// Write takes a line, or drops it.
func (q *queue) Write(text []byte) (int, error) {
	select {
	case q.lines <- line{text: append([]byte(nil), text...)}:
	default:
		q.dropped.Add(1)
	}
	return len(text), nil
}

// Do has something done between two lines, such as opening the file anew. Where there is no room for it, it is done before its
// turn, as soon as any line is taken, and once only.
func (q *queue) Do(what func()) {
	select {
	case q.lines <- line{do: what}:
		return
	default:
	}
	q.early.Store(&what)
	select {
	case q.lines <- line{}: // all may have been taken meanwhile
	default:
	}
}

// Close waits for what is queued, but no more than flushTurns. What is written later is lost: a goroutine that is left
// behind may still have something to say.
func (q *queue) Close() { q.flush(flushTurns) }

func (q *queue) flush(turns int) {
	q.ending.Do(func() { close(q.over) })
	for range turns {
		select {
		case <-q.done:
			return
		case <-time.After(flushPause):
		}
	}
}
