package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"syscall"
)

// plainError is a reason in plain words, and the error behind it.
type plainError struct {
	text    string
	err     error
	unasked bool // ErrNotAsked is in its chain
}

func (e *plainError) Error() string { return e.text }
func (e *plainError) Unwrap() error { return e.err }

func (e *plainError) Is(target error) bool { return target == ErrNotAsked && e.unasked }

func plain(format string, args ...any) error {
	return &plainError{text: fmt.Sprintf(format, args...)}
}

// plainNet says what an error of net, net/http or crypto/tls means, without the addresses and operations that
// surround it; the message names the target already.
func plainNet(err error) error {
	var done *plainError
	if err == nil || errors.As(err, &done) {
		return unwrapped(err, done)
	}
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "proxyconnect" {
		return unasked("proxy: "+plainNet(op.Err).Error(), err)
	} else if op != nil && op.Op == "socks connect" {
		return saySocks(op)
	}
	for _, say := range append([]func(error) string{sayName, saySystem}, sayWeb()...) {
		if text := say(err); text != "" {
			return &plainError{text, err, cannotAsk(err)}
		}
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // its text would repeat the URL, with the query
	}
	return &plainError{strings.TrimPrefix(err.Error(), "net/http: "), err, cannotAsk(err)}
}

// saySocks reads the errors of net/http's client of SOCKS, whose server may tell how it fared with the one behind it.
func saySocks(op *net.OpError) error {
	why, told := strings.CutPrefix(op.Err.Error(), "unknown error ")
	if told && slices.Contains([]string{"host unreachable", "connection refused", "TTL expired"}, why) {
		return &plainError{text: why, err: op}
	} else if !told {
		why = plainNet(op.Err).Error()
	}
	return unasked("proxy: "+why, op)
}

func unwrapped(err error, done *plainError) error {
	if done == nil {
		return err
	}
	return done
}

func sayName(err error) string {
	var dns *net.DNSError
	switch {
	case !errors.As(err, &dns):
		return ""
	case dns.IsNotFound:
		return "name not found"
	case dns.Server == "":
		return "name not looked up: " + dns.Err
	}
	why := dns.Err[strings.LastIndex(dns.Err, ": ")+1:] // behind the addresses of the question
	return "name server " + dns.Server + ": " + strings.TrimSpace(why)
}

func saySystem(err error) string {
	var errno syscall.Errno
	var op *net.OpError
	switch {
	case !errors.As(err, &errno):
		return ""
	case errno == syscall.ENOENT && errors.As(err, &op):
		return "no such socket"
	case errno == syscall.EAGAIN && errors.As(err, &op):
		return "its queue of connections is full"
	}
	return errno.Error()
}

// isTimeout also holds for the http.Client's own limit, but not for EAGAIN, which package syscall takes for one.
func isTimeout(err error) bool {
	var t net.Error
	if errors.Is(err, syscall.EAGAIN) {
		return false
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.As(err, &t) && t.Timeout()
}
