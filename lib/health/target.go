package health

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Parse makes the check that a URL names: http://, https://, tcp://host:port or unix:/path. Its errors are about
// the URL, which they show without password and query, or about the files that o names.
func Parse(rawURL string, o Options) (Check, error) {
	checks, err := ParseAll([]string{rawURL}, o)
	if err != nil {
		return nil, err
	}
	return checks[0], nil
}

// ParseAll is Parse of several URLs that share o, whose files are read once.
func ParseAll(urls []string, o Options) ([]Check, error) {
	web, err := newHTTP(o)
	if err != nil {
		return nil, err
	}
	checks := make([]Check, len(urls))
	for i, u := range urls {
		if checks[i], err = web.parse(u); err != nil {
			return nil, fmt.Errorf("url %q: %w", bare(u), err)
		}
	}
	return checks, nil
}

const schemes = "http, https, tcp or unix"

func (h *httpClient) parse(s string) (Check, error) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		return unixTarget(strings.TrimPrefix(path, "//"))
	}
	if !strings.Contains(s, "://") {
		return nil, errors.New("no scheme: " + schemes + " is needed, as in http://localhost:8080/")
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, plainURLError(err)
	}
	switch u.Scheme {
	case "http", "https", "tcp":
	default:
		return nil, fmt.Errorf("scheme %q is not %s", u.Scheme, schemes)
	}
	if u.Hostname() == "" {
		return nil, errors.New("no host")
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, errors.New("the port is not one of 1 to 65535")
		}
	}
	if u.Scheme == "tcp" {
		return tcpTarget(u)
	}
	return &httpCheck{httpClient: h, url: u}, nil
}

func tcpTarget(u *url.URL) (Check, error) {
	switch {
	case u.Port() == "":
		return nil, errors.New("no port")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil:
		return nil, errors.New("more than tcp://host:port")
	}
	return &dialCheck{network: "tcp", address: u.Host, dial: dial}, nil
}

func unixTarget(path string) (Check, error) {
	if path == "" {
		return nil, errors.New("no path")
	}
	return &dialCheck{network: "unix", address: path, dial: dial}, socketFits(path)
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

// bare is what messages show of a URL that may be none: all before an @ might be a password.
func bare(s string) string {
	s, _, _ = strings.Cut(s, "#")
	s, _, _ = strings.Cut(s, "?")
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		scheme, rest = "", s
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 && !strings.HasPrefix(s, "unix:") {
		rest = rest[i+1:]
	}
	if ok {
		rest = scheme + "://" + rest
	}
	return rest
}
