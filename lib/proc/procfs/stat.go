// Package procfs reads what Linux tells of processes under /proc. It knows numbers only: whether a number still means
// the process that was meant is for package proc to prove.
package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// ErrFormat says that a file under /proc does not look as proc(5) has it.
var ErrFormat = errors.New("malformed process status")

// State is the letter of proc_pid_stat(5) field 3.
type State byte

// String is the letter, or ? where it is not known.
func (s State) String() string {
	if s == 0 {
		return "?"
	}
	return string(rune(s))
}

// Stat is what proc_pid_stat(5) tells about a process or a thread.
type Stat struct {
	PID     int
	Name    string
	State   State
	Parent  int
	Group   int
	Session int
	Flags   uint64 // PF_ of the kernel's sched.h
	Threads int
	Start   uint64 // clock ticks between boot and start, as seen from the caller's time namespace
}

// ParseStat reads one line of proc_pid_stat(5). The second field may hold spaces, newlines and parentheses, so the
// others are counted from the last closing one.
func ParseStat(line []byte) (Stat, error) {
	first, last := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if first < 0 || last < first {
		return Stat{}, ErrFormat
	}
	fields := bytes.Fields(line[last+1:])
	if len(fields) < 20 || len(fields[0]) != 1 {
		return Stat{}, ErrFormat
	}
	st := Stat{Name: string(line[first+1 : last]), State: State(fields[0][0])}
	for _, number := range []struct {
		to   *int
		text []byte
	}{
		{&st.PID, bytes.TrimSpace(line[:first])},
		{&st.Parent, fields[1]}, {&st.Group, fields[2]}, {&st.Session, fields[3]}, {&st.Threads, fields[17]},
	} {
		n, err := strconv.ParseInt(string(number.text), 10, 32)
		if err != nil {
			return Stat{}, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		*number.to = int(n)
	}
	start, err := strconv.ParseUint(string(fields[19]), 10, 64)
	if err != nil {
		return Stat{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	st.Start = start
	if st.Flags, err = strconv.ParseUint(string(fields[6]), 10, 64); err != nil {
		return Stat{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return st, nil
}

// Ended says that this thread has: a zombie, or dead.
func (st Stat) Ended() bool { return st.State == 'Z' || st.State == 'X' || st.State == 'x' }
