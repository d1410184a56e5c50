//go:build !pidbox_some || pidbox_http

package health

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
)

func regexpOf(re string) *regexp.Regexp { return regexp.MustCompile("(?m)" + re) }

// speaker greets each connection and answers each line.
func speaker(t *testing.T, l net.Listener, greet string, answer func(line string) string) string {
	t.Helper()
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.WriteString(conn, greet)
				lines := bufio.NewReader(conn)
				for answer != nil {
					line, err := lines.ReadString('\n')
					if err != nil {
						return
					}
					io.WriteString(conn, answer(line))
				}
			}()
		}
	}()
	return l.Addr().String()
}

func TestTalk(t *testing.T) {
	redis := speaker(t, listen(t, "tcp", "127.0.0.1:0"), "", func(line string) string {
		return map[string]string{"PING\r\n": "+PONG\r\n", "AUTH hunter2\r\n": "-ERR\r\n"}[line]
	})
	mail := speaker(t, listen(t, "tcp", "127.0.0.1:0"), "220-a\r\n220 mx ESMTP\r\n", func(string) string { return "" })
	forwarder := speaker(t, listen(t, "tcp", "127.0.0.1:0"), "", nil)
	refuser := speaker(t, listen(t, "tcp", "127.0.0.1:0"), "-LOADING\r\n", nil)
	flood := speaker(t, listen(t, "tcp", "127.0.0.1:0"), strings.Repeat("x", 1<<20), nil)
	ca := newAuthority(t)
	pair, _, _ := ca.issue(t, "127.0.0.1", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	l := listen(t, "tcp", "127.0.0.1:0")
	secure := speaker(t, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}}), "hello\n", func(string) string { return "" })
	for _, c := range []struct {
		url  string
		o    Options
		want string
	}{
		{"tcp://" + redis, Options{Send: "PING\r\n", Expect: regexpOf(`^\+PONG$`)}, "healthy"},
		{"tcp://" + redis, Options{Send: "PING\r\n", Expect: regexpOf(`^\+PONG$`)}, "healthy"},
		{"tcp://" + mail, Options{Expect: regexpOf(`^220 `)}, "healthy"},
		{"tcp://" + forwarder, Options{}, "healthy"},
		{"tcp://" + forwarder, Options{Expect: regexpOf(`.`)}, "connection closed without an answer"},
		{"tcp://" + refuser, Options{Expect: regexpOf(`^\+`)}, "the answer does not match: -LOADING"},
		{"tcp://" + flood, Options{Expect: regexpOf(`y`)}, "the answer does not match: x{80}..."},
		{"tls://" + secure, Options{CACert: ca.file}, "healthy"},
		{"tls://" + secure, Options{CACert: ca.file, Expect: regexpOf(`^hello$`)}, "healthy"},
		{"tls://" + secure, Options{}, "certificate signed by unknown authority.*"},
		{"tls://" + secure, Options{Insecure: true, Expect: regexpOf(`hello`)}, "healthy"},
		{"tls://" + mail, Options{Insecure: true}, "answer is not TLS"},
		{"tls://" + closed(t), Options{}, "connection refused"},
	} {
		got := ask(mustParse(t, c.url, c.o), long)
		if wantAnswer(t, got, c.want); (got == "healthy") != (c.want == "healthy") {
			t.Errorf("%s: %s", c.url, got)
		}
	}
	wantAnswer(t, ask(mustParse(t, "tcp://"+redis, Options{Send: "AUTH x\r\n", Expect: regexpOf(`OK`)}), time.Second), "no answer in .*")
}

func TestParseSend(t *testing.T) {
	for in, want := range map[string]string{
		`PING\r\n`: "PING\r\n", `a\x00\\b"'`: "a\x00\\b\"'", "": "", `\xff`: "\xff", "ä\\t": "ä\t",
	} {
		if got, err := ParseSend(in); got != want || err != nil {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{`\q`, `\`, `\x1`} {
		if got, err := ParseSend(in); err == nil {
			t.Errorf("%q: %q", in, got)
		}
	}
}
