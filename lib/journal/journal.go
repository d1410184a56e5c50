// Package journal writes the events of a service, a line each, as log/slog's handlers do, for which small builds have no room:
//
//	time=2026-11-28T07:00:00.000Z level=INFO msg=started pid=4711
//	{"time":"2026-11-28T07:00:00.000000001Z","level":"INFO","msg":"started","pid":4711}
package journal

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"pidbox/lib/jsonline"
)

// Level is how much an event matters.
type Level int

// The levels, of which a higher one matters more.
const (
	Debug Level = iota - 1
	Info
	Warn
	Error
)

func (l Level) String() string {
	return [...]string{"DEBUG", "INFO", "WARN", "ERROR"}[l-Debug]
}

// Logger writes events of a level and above, each in one write. A failure of the writer is the writer's. Where events come
// from several goroutines the writer has to be for several, too.
type Logger struct {
	to    io.Writer
	json  bool
	level Level
}

// New is a logger that writes lines of text, or of JSON.
func New(to io.Writer, json bool, level Level) *Logger { return &Logger{to, json, level} }

// Discard is a logger that writes nothing.
func Discard() *Logger { return &Logger{to: io.Discard, level: Error + 1} }

// Debug is Log for what only somebody who searches for a fault wants to know.
func (l *Logger) Debug(event string, pairs ...any) { l.Log(Debug, event, pairs...) }

// Info is Log for the usual.
func (l *Logger) Info(event string, pairs ...any) { l.Log(Info, event, pairs...) }

// Warn is Log for what is not as wanted.
func (l *Logger) Warn(event string, pairs ...any) { l.Log(Warn, event, pairs...) }

// Error is Log for what has failed.
func (l *Logger) Error(event string, pairs ...any) { l.Log(Error, event, pairs...) }

// Log writes an event and pairs of a name and a value each: a string, a number or a bool.
func (l *Logger) Log(level Level, event string, pairs ...any) {
	if level < l.level {
		return
	}
	now := time.Now()
	var line string
	if l.json {
		o := (&jsonline.Object{Bare: true}).Field("time", now).Field("level", level.String()).Field("msg", event)
		for i := 0; i+1 < len(pairs); i += 2 {
			o.Field(fmt.Sprint(pairs[i]), pairs[i+1])
		}
		line = o.String()
	} else {
		const millis = "2006-01-02T15:04:05.000Z07:00"
		line = "time=" + now.Format(millis) + " level=" + level.String() + " msg=" + quoted(event)
		for i := 0; i+1 < len(pairs); i += 2 {
			line += " " + quoted(fmt.Sprint(pairs[i])) + "=" + quoted(fmt.Sprint(pairs[i+1]))
		}
	}
	_, _ = io.WriteString(l.to, line+"\n")
}

// quoted is a word that no reader of the line takes for more than one.
func quoted(s string) string {
	odd := func(r rune) bool {
		return r == ' ' || r == '"' || r == '=' || r == utf8.RuneError || !unicode.IsPrint(r)
	}
	if s == "" || strings.ContainsFunc(s, odd) {
		return strconv.Quote(s)
	}
	return s
}
