package proc

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

var errStat = errors.New("malformed process status")

// stat is what proc_pid_stat(5) tells about a process.
type stat struct {
	pid     int
	name    string
	state   State
	parent  int
	group   int
	session int
	threads int
	start   uint64
}

// parseStat reads one line of proc_pid_stat(5). The second field may hold spaces, newlines and parentheses, so the
// others are counted from the last closing one.
func parseStat(line []byte) (stat, error) {
	first, last := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if first < 0 || last < first {
		return stat{}, errStat
	}
	fields := bytes.Fields(line[last+1:])
	if len(fields) < 20 || len(fields[0]) != 1 {
		return stat{}, errStat
	}
	st := stat{name: string(line[first+1 : last]), state: State(fields[0][0])}
	for _, number := range []struct {
		to   *int
		text []byte
	}{
		{&st.pid, bytes.TrimSpace(line[:first])},
		{&st.parent, fields[1]}, {&st.group, fields[2]}, {&st.session, fields[3]}, {&st.threads, fields[17]},
	} {
		n, err := strconv.ParseInt(string(number.text), 10, 32)
		if err != nil {
			return stat{}, fmt.Errorf("%w: %w", errStat, err)
		}
		*number.to = int(n)
	}
	start, err := strconv.ParseUint(string(fields[19]), 10, 64)
	if err != nil {
		return stat{}, fmt.Errorf("%w: %w", errStat, err)
	}
	st.start = start
	return st, nil
}

// ended says that this thread has: a zombie, or dead.
func (st stat) ended() bool { return st.state == 'Z' || st.state == 'X' || st.state == 'x' }
