package health

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
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
	}
	for _, say := range []func(error) string{sayName, saySystem, sayCertificate, sayTLS, sayHTTP} {
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

func sayHTTP(err error) string {
	text := err.Error()
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return "answer is plain HTTP, not TLS"
	case strings.Contains(text, "malformed HTTP") || strings.Contains(text, "malformed MIME header"):
		return "answer is not HTTP"
	case strings.Contains(text, "looked like an HTTP/1.1 header"):
		return "answer is HTTP/1, not HTTP/2"
	case strings.Contains(text, "stream error: ") && strings.Contains(text, "received from peer"):
		return "answer cut short"
	case strings.Contains(text, "server response headers exceeded"), strings.Contains(text, "response header list larger than"):
		return fmt.Sprintf("headers of the answer exceed %d KiB", maxHeader>>10)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "answer cut short"
	case errors.Is(err, io.EOF):
		return "connection closed without an answer"
	case strings.Contains(text, "failed to parse Location header"):
		return "redirected to what is no URL"
	}
	if _, why, broken := strings.Cut(text, "HTTP/1.x transport connection broken: "); broken {
		return "answer is not HTTP" + quoteLine(strings.TrimPrefix(why, "http: "))
	}
	return ""
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

func sayTLS(err error) string {
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return "answer is not TLS"
	}
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "remote error" {
		return "TLS refused by the server: " + bareTLS(op.Err).Error()
	}
	return ""
}

// bareTLS drops the package's name from the front.
func bareTLS(err error) error {
	return errors.New(strings.TrimPrefix(strings.TrimPrefix(err.Error(), "tls: "), "x509: "))
}

func sayCertificate(err error) string {
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return sayValidity(invalid.Cert)
	case errors.As(err, &invalid):
		return "certificate not valid: " + bareTLS(invalid).Error()
	case errors.As(err, &host):
		return "certificate is for " + names(host.Certificate) + ", not " + host.Host
	case errors.As(err, &authority):
		if c := authority.Cert; c != nil && string(c.RawIssuer) == string(c.RawSubject) {
			return "certificate signed by unknown authority: by itself"
		}
		return "certificate signed by unknown authority"
	}
	if _, why, is := strings.Cut(err.Error(), badCertificate); is {
		return "certificate not valid: " + strings.TrimPrefix(why, "x509: ")
	}
	return ""
}

// badCertificate is crypto/tls's word on one that it cannot read.
const badCertificate = "tls: failed to parse certificate from server: "

func sayValidity(c *x509.Certificate) string {
	if time.Now().Before(c.NotBefore) {
		return "certificate is not valid before " + c.NotBefore.UTC().Format(time.DateOnly)
	}
	return "certificate expired on " + c.NotAfter.UTC().Format(time.DateOnly)
}

// names lists whom a certificate is for, a few of them.
func names(c *x509.Certificate) string {
	const few = 3
	all := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	switch {
	case len(all) == 0:
		return "no host"
	case len(all) > few:
		all = append(all[:few], "others")
	}
	return printable(strings.Join(all, ", "))
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
