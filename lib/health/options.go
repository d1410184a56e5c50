package health

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// DefaultRedirects is how many redirects are followed where nobody says.
const DefaultRedirects = 10

// Options say how HTTP, TLS and the like are spoken; other targets use none of them. The zero value is a plain GET,
// to be answered with 200 without a redirect.
type Options struct {
	Method       string   // GET, or POST when there is a Body
	Headers      []string // each "Name: value"
	Body         string   // sent with each request
	Auth         string   // "user:password" for basic authentication
	Statuses     Statuses // nil: exactly 200
	BodyMatch    Pattern  // must match in the first MiB of the body
	MaxRedirects int      // 0: none is followed
	NoProxy      bool     // the proxies of the environment are not used
	UnixSocket   string   // connect here, whatever the URL's host says; @name is abstract
	CACert       string   // PEM file of authorities to trust instead of the system's
	Cert, Key    string   // PEM files for a server that asks who we are; Key may be in Cert
	ServerName   string   // expected in the certificate instead of the URL's host
	Insecure     bool     // believe any certificate
	Send         string   // on tcp, tls and unix: said first
	Expect       Pattern  // on these: must match in the first 64 KiB of what is heard
}

// Statuses is a set of HTTP statuses.
type Statuses []StatusRange

// StatusRange is the statuses First to Last.
type StatusRange struct{ First, Last int }

// Has reports whether status is in the set. The empty set stands for exactly 200.
func (s Statuses) Has(status int) bool {
	for _, r := range s {
		if r.First <= status && status <= r.Last {
			return true
		}
	}
	return len(s) == 0 && status == 200
}

// ParseStatuses reads a list such as 200,204,300-399.
func ParseStatuses(list string) (Statuses, error) {
	if strings.TrimSpace(list) == "" {
		return nil, errors.New("the list of statuses is empty")
	}
	var all Statuses
	for item := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(item), "-")
		if !isRange {
			last = first
		}
		r := StatusRange{httpStatus(first), httpStatus(last)}
		if class, is := strings.CutSuffix(strings.ToLower(first), "xx"); is && !isRange && httpStatus(class+"00") > 0 {
			return nil, fmt.Errorf("%q is not a status; write %s00-%s99", item, class, class)
		}
		if r.First == 0 || r.Last == 0 {
			return nil, fmt.Errorf("%q is not a status from 100 to 599 or a range such as 300-399", item)
		}
		if r.First > r.Last {
			return nil, fmt.Errorf("the range %q ends before it begins", item)
		}
		all = append(all, r)
	}
	return all, nil
}

// httpStatus is 0 for what is none.
func httpStatus(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 100 || n > 599 {
		return 0
	}
	return n
}
