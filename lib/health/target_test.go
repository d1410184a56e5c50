//go:build !pidbox_some || pidbox_http

package health

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBadURLs(t *testing.T) {
	const schemeless = `: no scheme: http, https, h2c, grpc, grpcs, tcp, tls, unix, file or exec is needed, as in http://localhost:8080/, or HOST:PORT`
	for url, want := range map[string]string{
		"":                        `url ""` + schemeless,
		"localhost:8080/x":        `url "localhost:8080/x"` + schemeless,
		"127.0.0.1:0":             `url "127.0.0.1:0"` + schemeless,
		"tcp://::1:5432":          `url "tcp://::1:5432": write an IPv6 address in brackets, for example tcp://[::1]:8080`,
		"::1:5432":                `url "::1:5432": write an IPv6 address in brackets, for example tcp://[::1]:8080`,
		":80":                     `url ":80"` + schemeless,
		"file:":                   `url "file:": no path`,
		"exec: ":                  `url "exec: ": no command to run`,
		"http:127.0.0.1:80":       `url "http:127.0.0.1:80": two slashes are missing: http://HOST:PORT`,
		"HTTPS:/a/":               `url "HTTPS:/a/": two slashes are missing: https://HOST:PORT`,
		"tcp:a:80":                `url "tcp:a:80": two slashes are missing: tcp://HOST:PORT`,
		"http://a/ ":              `url "http://a/ ": white space before or after it`,
		" tcp://a:80":             `url " tcp://a:80": white space before or after it`,
		"/healthz":                `url "/healthz"` + schemeless,
		"me:secret@db:5432":       `url "db:5432"` + schemeless,
		"ftp://a/":                `url "ftp://a/": scheme "ftp" is not http, https, h2c, grpc, grpcs, tcp, tls, unix, file or exec; for other protocols there is tcp://HOST:PORT`,
		"://a":                    `url "://a"` + schemeless,
		"http://":                 `url "http://": no host`,
		"http:///x":               `url "http:///x": no host`,
		"http://:80/":             `url "http://:80/": no host`,
		"http://a:/":              `url "http://a:/": the port is not a number from 1 to 65535`,
		"http://a:0/":             `url "http://a:0/": the port is not a number from 1 to 65535`,
		"http://a:65536/":         `url "http://a:65536/": the port is not a number from 1 to 65535`,
		"http://a:x/":             `url "http://a:x/": invalid port`,
		"http://u:sec/ret@a/?q=s": `url "http://a/": invalid port`,
		"http://[::1/":            `url "http://[::1/": missing ']' in host`,
		"http://a b/":             `url "http://a b/": invalid character`,
		"http://a/%zz":            `url "http://a/%zz": invalid URL escape`,
		"tcp://a":                 `url "tcp://a": no port`,
		"tcp://a:1/x":             `url "tcp://a:1/x": more than tcp://host:port`,
		"tcp://u:p@a:1":           `url "tcp://a:1": more than tcp://host:port`,
		"unix:":                   `url "unix:": no path`,
		"unix://":                 `url "unix://": no path`,
		"unix:/" + strings.Repeat("x", 107): `url "unix:/` + strings.Repeat("x", 107) +
			`": the path is longer than the 107 bytes of a socket's address`,
	} {
		if _, err := Parse(url, Options{}); err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", url, err, want)
		}
	}
}

func TestStatuses(t *testing.T) {
	s, err := ParseStatuses("200, 204,300-399")
	if err != nil {
		t.Fatal(err)
	}
	for status, want := range map[int]bool{200: true, 201: false, 204: true, 299: false, 300: true, 399: true, 400: false} {
		if s.Has(status) != want {
			t.Errorf("Has(%d) is %t", status, !want)
		}
	}
	for list, want := range map[string]string{
		"":        "the list of statuses is empty",
		" ":       "the list of statuses is empty",
		"200,":    `"" is not a status from 100 to 599 or a range such as 300-399`,
		"2xx":     `"2xx" is not a status; write 200-299`,
		"9xx":     `"9xx" is not a status from 100 to 599 or a range such as 300-399`,
		"99":      `"99" is not a status from 100 to 599 or a range such as 300-399`,
		"600":     `"600" is not a status from 100 to 599 or a range such as 300-399`,
		"200-":    `"200-" is not a status from 100 to 599 or a range such as 300-399`,
		"1-2-3":   `"1-2-3" is not a status from 100 to 599 or a range such as 300-399`,
		"400-300": `the range "400-300" ends before it begins`,
	} {
		if _, err := ParseStatuses(list); err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", list, err, want)
		}
	}
}

func TestBadOptionsDoNotShowSecrets(t *testing.T) {
	for want, o := range map[string]Options{
		`--header: not of the form "Name: value"`:          {Headers: []string{"my secret"}},
		`header X-Token: a control character in its value`: {Headers: []string{"X-Token: se\ncret"}},
		`--auth: no colon between user and password`:       {Auth: "secret"},
		`"G T" is not an HTTP method`:                      {Method: "G T"},
		`socket ` + strings.Repeat("x", 108) + `: the path is longer than the 107 bytes of a socket's address`: {UnixSocket: strings.Repeat("x", 108)},
	} {
		if _, err := Parse("http://a/", o); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestGiven(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	os.WriteFile(file, []byte("me:se cret\r\n\n"), 0o600)
	for in, want := range map[string]string{"me:x@y": "me:x@y", "@" + file: "me:se cret", "": ""} {
		if got, err := Given(in); got != want || err != nil {
			t.Errorf("Given(%q) = %q, %v", in, got, err)
		}
	}
	if _, err := Given("@/nowhere"); err == nil || err.Error() != "open /nowhere: no such file or directory" {
		t.Error(err)
	}
}
