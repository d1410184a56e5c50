package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// talk is what is sent on a connection, and what is expected to come on it. Without an expectation nothing is read: that
// the connection was made is the answer, though a forwarder of ports may have made it and close it at once.
type talk struct {
	send   string
	expect Pattern // nil for nothing
}

// Pattern is what a text is to match: a *regexp.Regexp, which this package does not load for those who have none.
type Pattern interface {
	Match(text []byte) bool
	MatchReader(text io.RuneReader) bool
}

// on speaks. A CR counts for nothing, so that $ finds the end of a line of any protocol.
func (t talk) on(ctx context.Context, conn net.Conn) error {
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if t.send != "" {
		if _, err := io.WriteString(conn, t.send); err != nil {
			return failedTalk(ctx, err)
		}
	}
	if t.expect == nil {
		return nil
	}
	const most = 64 << 10
	var heard []byte
	buffer := make([]byte, 4<<10)
	for len(heard) < most {
		n, err := conn.Read(buffer)
		for _, b := range buffer[:n] {
			if b != '\r' {
				heard = append(heard, b)
			}
		}
		switch {
		case t.expect.Match(heard):
			return nil
		case err != nil && len(heard) > 0:
			return plain("the answer does not match%s", quoteLine(string(heard)))
		case err != nil:
			return failedTalk(ctx, err)
		}
	}
	return plain("the answer does not match%s", quoteLine(string(heard)))
}

// failedTalk is the error of a connection that was perhaps closed because the time was up.
func failedTalk(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, net.ErrClosed) {
		return ctx.Err()
	}
	return err
}

// ParseSend reads what is to be sent: with \r, \n, \t, \\ and \xHH as in Go.
func ParseSend(s string) (string, error) {
	s, err := Given(s)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for s != "" {
		r, multibyte, rest, err := strconv.UnquoteChar(s, 0)
		if err != nil {
			return "", fmt.Errorf("%q: a backslash must be followed by r, n, t, xHH or another backslash", s)
		}
		if r < 0x100 && !multibyte {
			b.WriteByte(byte(r))
		} else {
			b.WriteRune(r)
		}
		s = rest
	}
	return b.String(), nil
}
