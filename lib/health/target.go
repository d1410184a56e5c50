package health

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Parse makes the check that a target names: a URL of one of the schemes below, or HOST:PORT for tcp. Its errors are
// about the target, which they show without password and query, or about the files that o names.
func Parse(target string, o Options) (Check, error) {
	checks, err := ParseAll([]string{target}, o)
	if err != nil {
		return nil, err
	}
	return checks[0], nil
}

// ParseAll is Parse of several targets that share o, whose files are read once.
func ParseAll(targets []string, o Options) ([]Check, error) {
	web, err := newHTTP(o)
	if err != nil {
		return nil, err
	}
	checks := make([]Check, len(targets))
	for i, t := range targets {
		if checks[i], err = web.parse(t); err != nil {
			return nil, fmt.Errorf("url %q: %w", bare(t), err)
		}
	}
	return checks, nil
}

// OverNetwork says that targets of a scheme are written with two slashes and a host.
func OverNetwork(scheme string) bool {
	return slices.Contains([]string{"http", "https", "h2c", "grpc", "grpcs", "tcp", "tls"}, strings.ToLower(scheme))
}

const schemes = "http, https, h2c, grpc, grpcs, tcp, tls, unix, file or exec"

// Scheme is that of a target, in lower case, tcp for HOST:PORT, and "" for what is neither.
func Scheme(target string) string {
	scheme, rest, _ := strings.Cut(target, ":")
	scheme = strings.ToLower(scheme)
	switch {
	case slices.Contains([]string{"unix", "file", "exec"}, scheme) || strings.HasPrefix(rest, "//"):
		return scheme
	case isHostPort(target):
		return "tcp"
	}
	return ""
}

func (h *httpClient) parse(s string) (Check, error) {
	scheme := Scheme(s)
	first, rest, _ := strings.Cut(s, ":")
	if OverNetwork(first) && !strings.HasPrefix(rest, "//") && (scheme == "" || strings.Contains(rest, ":")) {
		return nil, fmt.Errorf("two slashes are missing: %s://HOST:PORT", strings.ToLower(first))
	}
	switch scheme {
	case "unix":
		return h.unixTarget(strings.TrimPrefix(rest, "//"))
	case "file":
		if local, is := strings.CutPrefix(rest, "//localhost/"); is { // RFC 8089
			rest = "/" + local
		}
		return fileTarget(strings.TrimPrefix(rest, "//"))
	case "exec":
		return shell(rest)
	case "":
		return nil, errors.New("no scheme: " + schemes + " is needed, as in http://localhost:8080/, or HOST:PORT")
	case "tcp":
		if !strings.Contains(s, "://") {
			s = "tcp://" + s
		}
	}
	if strings.TrimSpace(s) != s {
		return nil, errors.New("white space before or after it")
	}
	u, err := url.Parse(zoned(s))
	if err != nil && strings.Contains(s, ",") {
		return nil, errors.New("each target is an argument of its own")
	} else if err != nil {
		return nil, plainURLError(err)
	}
	switch {
	case u.Scheme == "udp":
		return nil, errors.New("no connection shows whether a UDP service is well; write exec: with a command that asks it")
	case !OverNetwork(u.Scheme):
		return nil, fmt.Errorf("scheme %q is not %s; for other protocols there is tcp://HOST:PORT", u.Scheme, schemes)
	}
	switch port := u.Port(); {
	case u.Hostname() == "":
		return nil, errors.New("no host")
	case !strings.HasPrefix(u.Host, "[") && strings.Count(u.Host, ":") > 1:
		return nil, tooManyColons(u)
	case (port != "" || strings.HasSuffix(u.Host, ":")) && !isPort(port):
		return nil, errors.New("the port is not a number from 1 to 65535")
	case u.Scheme == "tcp" || u.Scheme == "tls":
		return h.connTarget(u)
	}
	return h.web(u)
}

// tooManyColons says what is wrong with a host that has more than one.
func tooManyColons(u *url.URL) error {
	if strings.Trim(u.Host, "0123456789abcdefABCDEF:") != "" {
		return errors.New("there is more than one port")
	}
	return errors.New("write an IPv6 address in brackets, for example " + u.Scheme + "://[::1]:8080")
}

// zoned has the zone of an IPv6 address as a URL has it (RFC 6874), where it is written as ping(8) takes it: fe80::1%eth0.
func zoned(s string) string {
	before, after, _ := strings.Cut(s, "%")
	host, address, _ := strings.Cut(before, "[")
	if (strings.HasSuffix(host, "//") || strings.HasSuffix(host, "@")) && address != "" && !strings.Contains(address, "]") &&
		strings.Contains(after, "]") && !strings.HasPrefix(after, "25") {
		return before + "%25" + after
	}
	return s
}

func isPort(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && 1 <= n && n <= 65535
}

// isHostPort also holds for an IPv6 address that lacks its brackets, which is then told of.
func isHostPort(s string) bool {
	i := strings.LastIndexByte(s, ':')
	return i > 0 && isPort(s[i+1:]) && !strings.ContainsAny(s[:i], "/@?# ")
}

func (h *httpClient) connTarget(u *url.URL) (Check, error) {
	switch {
	case u.Port() == "":
		return nil, errors.New("no port")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil:
		return nil, errors.New("more than " + u.Scheme + "://host:port")
	}
	c := &connCheck{scheme: u.Scheme, network: "tcp", address: u.Host, dial: dial, talk: talk{h.o.Send, h.o.Expect}}
	if u.Scheme == "tls" {
		var err error
		if c.secure, err = h.handshake(u.Hostname()); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (h *httpClient) unixTarget(path string) (Check, error) {
	if path == "" {
		return nil, errors.New("no path")
	}
	return &connCheck{network: "unix", address: path, dial: dial, talk: talk{h.o.Send, h.o.Expect}}, socketFits(path)
}

func socketFits(path string) error {
	const longest = 107 // bytes of a sockaddr_un's path, less its NUL (unix(7)); other systems have fewer
	if len(path) > longest {
		return fmt.Errorf("the path is longer than the %d bytes of a socket's address", longest)
	}
	return nil
}

// plainURLError keeps what is wrong and drops what was quoted: a password with a slash in it ends up there.
func plainURLError(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	text, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "net/url: "), `"`)
	return errors.New(strings.TrimSpace(text))
}

// bare is what messages show of a target that may be none: all before an @ might be a password.
func bare(s string) string {
	switch scheme, rest, _ := strings.Cut(s, ":"); strings.ToLower(scheme) {
	case "exec":
		if strings.TrimSpace(rest) != "" {
			rest = firstWord(rest)
		}
		return "exec:" + rest
	case "unix", "file":
		return s
	}
	s, _, _ = strings.Cut(s, "#")
	s, _, _ = strings.Cut(s, "?")
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		scheme, rest = "", s
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	if ok {
		rest = scheme + "://" + rest
	}
	return rest
}
