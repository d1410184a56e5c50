package plan

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"pidbox/lib/health"
)

// Health says how a member's health is asked. A text is its url.
type Health struct {
	URL        string   `yaml:"url"`         // as wait-healthy takes it
	Exec       Command  `yaml:"exec"`        // in place of url: exit status 0 is healthy
	Headers    []string `yaml:"headers"`     // of HTTP: each a text "Name: value"
	Auth       string   `yaml:"auth"`        // of HTTP: user:password, or @FILE that has it
	Status     string   `yaml:"status"`      // of HTTP: what is healthy, for example 200,300-399: 200
	BodyMatch  string   `yaml:"body_match"`  // of HTTP: a regular expression that the body, or a line of it, must match
	UnixSocket string   `yaml:"unix_socket"` // of HTTP: the socket to connect to
	CA         string   `yaml:"ca"`          // of TLS: file of the authorities that are trusted in place of the system's
	Cert       string   `yaml:"cert"`        // of TLS: file of the tester's own certificate
	Key        string   `yaml:"key"`         // of TLS: and of its key, where cert has it not
	ServerName string   `yaml:"server_name"` // of TLS: the name that the server's certificate must have
	Insecure   bool     `yaml:"insecure"`    // of TLS: any certificate will do
	Send       string   `yaml:"send"`        // of tcp, tls and unix: what is said first (\r, \n, \xHH)
	Expect     string   `yaml:"expect"`      // of tcp, tls and unix: a regular expression that the answer, or a line of it, must match
}

// UnmarshalYAML reads a text, or the object.
func (h *Health) UnmarshalYAML(n ast.Node) error { return placed(n, h.read) }

func (h *Health) read(decode func(any) error) error {
	if decode(&h.URL) == nil {
		return nil
	}
	type plain Health
	if err := decode((*plain)(h)); err != nil {
		return err
	}
	switch {
	case (h.URL == "") == (len(h.Exec) == 0):
		return errors.New("health must be a URL, or have one of url and exec")
	case len(h.Exec) == 0:
		return h.fits()
	}
	rest := *h
	if rest.Exec = nil; !rest.plain() {
		return errors.New("exec cannot be combined with the other fields of health")
	}
	return nil
}

// plain says whether there is a url at most.
func (h *Health) plain() bool {
	return len(h.Headers) == 0 && h.Auth+h.Status+h.BodyMatch+h.UnixSocket+h.CA+h.Cert+h.Key+h.ServerName+h.Send+h.Expect == "" && !h.Insecure
}

// fits refuses what the target would not look at.
func (h *Health) fits() error {
	scheme := health.Scheme(h.URL)
	for _, one := range []struct {
		key     string
		said    bool
		schemes string
	}{
		{"headers", len(h.Headers) > 0, "http https h2c grpc grpcs"},
		{"auth", h.Auth != "", "http https h2c grpc grpcs"},
		{"unix_socket", h.UnixSocket != "", "http https h2c grpc grpcs"},
		{"status", h.Status != "", "http https h2c"},
		{"body_match", h.BodyMatch != "", "http https h2c"},
		{"ca", h.CA != "", "https grpcs tls"},
		{"cert", h.Cert != "", "https grpcs tls"},
		{"key", h.Key != "", "https grpcs tls"},
		{"server_name", h.ServerName != "", "https grpcs tls"},
		{"insecure", h.Insecure, "https grpcs tls"},
		{"send", h.Send != "", "tcp tls unix"},
		{"expect", h.Expect != "", "tcp tls unix"},
	} {
		if one.said && !slices.Contains(strings.Fields(one.schemes), scheme) {
			return fmt.Errorf("%s is not for %s, but for %s", one.key, h.URL, strings.ReplaceAll(one.schemes, " ", ", "))
		}
	}
	switch {
	case h.Key != "" && h.Cert == "":
		return errors.New("key needs cert")
	case h.Send != "" && h.Expect == "":
		return errors.New("send needs expect")
	}
	return nil
}

// Check is the check that it means. Files are read now.
func (h Health) Check() (health.Check, error) {
	if len(h.Exec) > 0 {
		return health.Exec(h.Exec)
	}
	o := health.Options{Headers: h.Headers, UnixSocket: h.UnixSocket, CACert: h.CA, Cert: h.Cert, Key: h.Key, ServerName: h.ServerName, Insecure: h.Insecure}
	var err error
	if h.Auth != "" {
		o.Auth, err = health.Given(h.Auth)
	}
	if h.Status != "" && err == nil {
		o.Statuses, err = health.ParseStatuses(h.Status)
	}
	if h.Send != "" && err == nil {
		o.Send, err = health.ParseSend(h.Send)
	}
	for _, one := range []struct {
		text string
		to   *health.Pattern
	}{{h.BodyMatch, &o.BodyMatch}, {h.Expect, &o.Expect}} {
		if one.text == "" || err != nil {
			continue
		}
		re, bad := regexp.Compile("(?m)" + one.text) // few bodies end without a newline
		if bad != nil {
			return nil, fmt.Errorf("%q is not a regular expression: %s", one.text, strings.TrimPrefix(bad.Error(), "error parsing regexp: "))
		}
		*one.to = re
	}
	if err != nil {
		return nil, err
	}
	return health.Parse(h.URL, o)
}
