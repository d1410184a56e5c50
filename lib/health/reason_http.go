//go:build !pidbox_some || pidbox_http

package health

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// tlsSays is what crypto/tls has before its words.
const tlsSays = "tls: "

// sayWeb are the readers of errors of HTTP and TLS.
func sayWeb() []func(error) string { return []func(error) string{sayCertificate, sayTLS, sayHTTP} }

func sayHTTP(err error) string {
	text := err.Error()
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return "answer is plain HTTP, not TLS"
	case strings.Contains(text, "malformed HTTP") || strings.Contains(text, "malformed MIME header"):
		return "answer is not HTTP"
	case strings.Contains(text, "looked like an HTTP/1.1 header"):
		return "answer is HTTP/1, not HTTP/2"
	case strings.Contains(text, "http2: frame too large"): // what is none mostly seems to be
		return "answer is not HTTP/2"
	case strings.Contains(text, "stream error: ") && strings.Contains(text, "received from peer"):
		return "answer cut short"
	case strings.Contains(text, "server response headers exceeded"), strings.Contains(text, "response header list larger than"):
		return fmt.Sprintf("headers of the answer exceed %d KiB", maxHeader>>10)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "answer cut short"
	case errors.Is(err, io.EOF):
		return "connection closed without an answer"
	case strings.Contains(text, "failed to parse Location header"):
		return "redirected to an invalid URL"
	}
	if _, why, broken := strings.Cut(text, "HTTP/1.x transport connection broken: "); broken {
		return "answer is not HTTP" + quoteLine(strings.TrimPrefix(why, "http: "))
	}
	return ""
}

func sayTLS(err error) string {
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return "answer is not TLS"
	}
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "remote error" {
		return "TLS refused by the server: " + bareTLS(op.Err).Error()
	}
	if _, why, is := strings.Cut(err.Error(), tlsSays); is {
		return "no TLS with this server: " + why
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
			return "certificate signed by unknown authority: self-signed"
		}
		return "certificate signed by unknown authority"
	}
	for _, words := range badCertificate() {
		if _, why, is := strings.Cut(err.Error(), words); is {
			why, _, _ = strings.Cut(why, " (see ")
			return "certificate not valid: " + strings.TrimPrefix(why, "x509: ")
		}
	}
	return ""
}

// badCertificate is crypto/tls's words before it says why it does not accept one, or its key, without a type for that.
func badCertificate() []string {
	return []string{
		"tls: failed to parse certificate from server: ",
		"tls: server sent certificate containing ",
		"tls: invalid signature by the server certificate: crypto/rsa: ",
	}
}

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

// unspoken says that no TLS came about, for want of a certificate that is accepted, or of a server that speaks it. Most errors
// of crypto/tls have no type. A server without HTTP/2 has had the question, and often resets the connection, as one does
// that is going down.
func unspoken(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.As(err, &certificate) || errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch) || sayCertificate(err) != "" ||
		strings.Contains(err.Error(), tlsSays)
}
