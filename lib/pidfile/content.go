package pidfile

import (
	"bytes"
	"math"
	"strconv"
)

// readLimit is how much of a file is ever read: a pidfile is a few bytes, postmaster.pid a hundred.
const readLimit = 4096

// parse finds the process id on the first line of a pidfile: decimal digits between optional blanks, 1 to 2^31-1
// (FHS 3.0, 3.15.2). Further lines belong to whoever wrote them. Nothing but white space names nobody: pid 0, ok.
func parse(content []byte) (pid int, ok bool) {
	if len(bytes.Trim(content, " \t\r\n")) == 0 {
		return 0, true
	}
	line, _, _ := bytes.Cut(content, []byte("\n"))
	digits := bytes.Trim(line, " \t\r")
	if len(digits) > len("2147483647") || len(bytes.Trim(digits, "0123456789")) > 0 {
		return 0, false // also keeps strconv from reading +1 and 1_000
	}
	n, err := strconv.Atoi(string(digits))
	if err != nil || n < 1 || n > math.MaxInt32 {
		return 0, false
	}
	return n, true
}

// format is what a claim for pid writes.
func format(pid int) []byte { return append(strconv.AppendInt(nil, int64(pid), 10), '\n') }

// excerpt shows the start of garbage in one line of printable text.
func excerpt(content []byte) string {
	const most = 32
	line, rest, _ := bytes.Cut(content, []byte("\n"))
	if len(line) > most {
		line, rest = line[:most], line
	}
	quoted := strconv.QuoteToASCII(string(line))
	if len(rest) > 0 {
		quoted += "..."
	}
	return quoted
}
