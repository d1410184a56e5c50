package health

import (
	"regexp"
	"time"
)

// Options say how HTTP and TLS are spoken; tcp and unix targets use none of them. The zero value is a plain GET
// that must be answered with 200.
type Options struct {
	Method       string         // GET, or POST when there is a Body
	Headers      []string       // each "Name: value"
	Body         string         // sent with each request
	Auth         string         // "user:password" for basic authentication
	Statuses     Statuses       // nil: exactly 200
	BodyMatch    *regexp.Regexp // searched in the first MiB of the body
	MaxRedirects int            // 0: none is followed
	UnixSocket   string         // connect here, whatever the URL's host says
	CACert       string         // PEM file of authorities to trust instead of the system's
	Cert, Key    string         // PEM files for a server that asks who we are; Key "": in Cert
	ServerName   string         // expected in the certificate instead of the URL's host
	Insecure     bool           // believe any certificate
	Timeout      time.Duration  // of one Check, for callers whose context has no deadline; 0: none
}

// Statuses is a set of HTTP statuses.
type Statuses []struct{ From, To int }
