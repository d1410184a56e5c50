//go:build !pidbox_some || pidbox_http

package health

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func mustParse(t *testing.T, url string, o Options) Check {
	t.Helper()
	c, err := Parse(url, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ask asks once, with a limit; answer is "healthy" or the reason.
func ask(c Check, limit time.Duration) string {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := c.Check(ctx); err != nil {
		return err.Error()
	}
	return "healthy"
}

const long = 60 * time.Second

func wantAnswer(t *testing.T, got, pattern string) {
	t.Helper()
	if !regexp.MustCompile("^(?:" + pattern + ")$").MatchString(got) {
		t.Errorf("answer %q, want %s", got, pattern)
	}
}

func TestHTTPAnswers(t *testing.T) {
	url := web(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/503":
			w.WriteHeader(503)
			io.WriteString(w, "\n  starting\x1b[31m up\x07: 3 of 5 \nmore\n")
		case "/page":
			w.WriteHeader(500)
			io.WriteString(w, "<html>\n<head><TITLE>500 Oh no</TITLE></head>\n")
		case "/204":
			w.WriteHeader(204)
		case "/long":
			w.WriteHeader(500)
			io.WriteString(w, strings.Repeat("ä", 500))
		case "/echo":
			fmt.Fprintf(w, "method=%s body=%s user=%s password=%s host=%s x=%s type=%s agent=%s conn=%t", r.Method, body,
				user, password, r.Host, r.Header.Get("X"), r.Header.Get("Content-Type"), r.UserAgent(), r.Close)
		case "/big":
			io.WriteString(w, strings.Repeat("x", maxMatch)+"needle")
		case "/gone":
			http.Redirect(w, r, "/", http.StatusMovedPermanently)
		}
	})
	match := func(re string) Options { return Options{BodyMatch: regexp.MustCompile(re)} }
	for _, c := range []struct {
		path string
		o    Options
		want string
	}{
		{"/", Options{}, "healthy"},
		{"/204", Options{}, "status 204"},
		{"/204", Options{Statuses: Statuses{{200, 299}}}, "healthy"},
		{"/503", Options{}, `status 503: starting\[31m up: 3 of 5`},
		{"/page", Options{}, "status 500: 500 Oh no"},
		{"/long", Options{}, `status 500: ä{80}\.\.\.`},
		{"/gone", Options{Statuses: Statuses{{301, 301}}, MaxRedirects: 10}, "healthy"},
		{"/gone", Options{MaxRedirects: 10}, "healthy"},
		{"/gone", Options{}, "status 301.*"},
		{"/echo", match("method=GET body= user= .* type= agent=pidbox conn=true"), "healthy"},
		{"/echo", match("^nothing"), "the body does not match: method=GET .*"},
		{"/204", Options{BodyMatch: regexp.MustCompile("x"), Statuses: Statuses{{204, 204}}}, "the body does not match"},
		{"/big", match("needle"), "the body does not match: x{80}..."},
		{"/echo", Options{
			Body: "a=b", Auth: "me:se:cret", Headers: []string{"X: y, z", "Host: other.example"},
			BodyMatch: regexp.MustCompile("method=POST body=a=b user=me password=se:cret host=other.example x=y, z type=.*form"),
		}, "healthy"},
		{"/echo", Options{Method: "PUT", Body: "1", Headers: []string{"content-type:text/plain", "User-Agent: mine"},
			BodyMatch: regexp.MustCompile("method=PUT body=1 .* type=text/plain agent=mine ")}, "healthy"},
		{"/", Options{Method: "HEAD"}, "healthy"},
	} {
		wantAnswer(t, ask(mustParse(t, url+c.path, c.o), long), c.want)
	}
}

func TestUserinfoOfTheURLIsUsedAndNotShown(t *testing.T) {
	url := web(t, func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "secret" {
			w.WriteHeader(401)
		}
	})
	c := mustParse(t, strings.Replace(url, "http://", "http://me:secret@", 1)+"/users/@me%2Fx?token=secret#secret", Options{})
	wantAnswer(t, ask(c, long), "healthy")
	wantAnswer(t, c.String(), regexp.QuoteMeta(url)+"/users/@me%2Fx")
}

// A server that redirects to itself by a whole URL, as most do, still wants the password.
func TestUserinfoOfTheURLOutlivesARedirect(t *testing.T) {
	var url string
	url = web(t, func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "secret" {
			w.WriteHeader(401)
		} else if r.URL.Path == "/dir" {
			http.Redirect(w, r, url+"/dir/", http.StatusMovedPermanently)
		}
	})
	c := mustParse(t, strings.Replace(url, "http://", "http://me:secret@", 1)+"/dir", Options{MaxRedirects: 1})
	wantAnswer(t, ask(c, long), "healthy")
}

func TestRedirects(t *testing.T) {
	other := web(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Token") != "" || r.Header.Get("Authorization") != "" || r.Referer() != "" {
			w.WriteHeader(400)
		}
	})
	down := closed(t)
	url := web(t, func(w http.ResponseWriter, r *http.Request) {
		var n int
		switch _, err := fmt.Sscanf(r.URL.Path, "/count/%d", &n); {
		case err == nil && n > 0:
			http.Redirect(w, r, fmt.Sprintf("/count/%d", n-1), http.StatusFound)
		case r.URL.Path == "/loop":
			http.Redirect(w, r, "/loop?again", http.StatusFound)
		case r.URL.Path == "/file":
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(302)
		case r.URL.Path == "/other":
			http.Redirect(w, r, other, http.StatusFound)
		case r.URL.Path == "/bad":
			w.Header().Set("Location", "http://[bad?token=secret")
			w.WriteHeader(302)
		case r.URL.Path == "/nobody":
			w.Header().Set("Location", "http:///path")
			w.WriteHeader(302)
		case r.URL.Path == "/down":
			http.Redirect(w, r, "http://me:secret@"+down+"/a?token=secret", http.StatusFound)
		case r.URL.Path == "/ill":
			http.Redirect(w, r, "/503", http.StatusFound)
		case r.URL.Path == "/503":
			http.Error(w, "starting", 503)
		}
	})
	o := Options{MaxRedirects: 3, Headers: []string{"X-Token: secret"}, Auth: "me:secret"}
	for path, want := range map[string]string{
		"/count/3":            "healthy",
		"/count/4":            "more than 3 redirects",
		"/loop":               "redirects in a loop, back to " + regexp.QuoteMeta(url) + "/loop",
		"/file":               `redirected to the scheme "file", not http or https`,
		"/other?token=secret": "healthy",
		"/bad":                "redirected to an invalid URL",
		"/nobody":             "redirected to no host",
		"/down":               "redirected to http://" + down + "/a: connection refused",
		"/ill":                "redirected to " + regexp.QuoteMeta(url) + "/503: status 503: starting",
	} {
		wantAnswer(t, ask(mustParse(t, url+path, o), long), want)
	}
}

func TestBrokenServers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, c := range map[string]struct {
		answer func(net.Conn)
		limit  time.Duration
		want   string
	}{
		"silent":            {func(c net.Conn) { c.Read(make([]byte, 1)) }, time.Second, `no answer in .*`},
		"drips":             {drip(ok+"\r\n", time.Second), 5 * time.Second, `answer not complete in .*`},
		"endless headers":   {flood(ok, "X-More: and more\r\n"), long, "headers of the answer exceed 64 KiB"},
		"large headers":     {say(ok + strings.Repeat("X: "+strings.Repeat("y", 1019)+"\r\n", 1024) + "\r\n"), long, "headers of the answer exceed 64 KiB"},
		"endless line":      {flood(ok+"X: ", strings.Repeat("y", 4096)), long, "headers of the answer exceed 64 KiB"},
		"endless interim":   {flood("", "HTTP/1.1 103 Early Hints\r\n\r\n"), long, "headers of the answer exceed 64 KiB"},
		"endless body":      {flood(ok+"\r\n", strings.Repeat("z", 4096)), long, "healthy"},
		"dripping body":     {drip(ok+"\r\nslowly", time.Millisecond), long, "healthy"},
		"endless error":     {flood("HTTP/1.1 500 No\r\n\r\nwhy\n", strings.Repeat("z", 4096)), long, "status 500: why"},
		"dripping error":    {drip("HTTP/1.1 500 No\r\n\r\nwhy", time.Millisecond), long, "status 500: why"},
		"reset":             {reset, long, "connection reset by peer"},
		"closes":            {func(net.Conn) {}, long, "connection closed without an answer"},
		"closes half-way":   {say("HTTP/1.1 200"), long, "answer cut short"},
		"closes in headers": {say(ok + "Content-Length: 9\r\nX: y"), long, "answer cut short"},
		"closes in body":    {say(ok + "Content-Length: 100\r\n\r\nfew"), long, "answer cut short"},
		"closes in chunk":   {say(ok + "Transfer-Encoding: chunked\r\n\r\n9\r\nfew"), long, "answer cut short"},
		"garbage":           {say("SSH-2.0-OpenSSH_9.2\r\n"), long, "answer is not HTTP"},
		"garbage status":    {say("HTTP/1.1 abc\r\n\r\n"), long, "answer is not HTTP"},
		"garbage header":    {say(ok + "no colon\r\n\r\n"), long, "answer is not HTTP"},
		"two lengths":       {say(ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc"), long, "answer is not HTTP: message cannot contain .*"},
		"negative length":   {say(ok + "Content-Length: -2\r\n\r\nabc"), long, `answer is not HTTP: bad Content-Length "-2"`},
		"body beyond":       {say(ok + "Content-Length: 2\r\n\r\nabcdef"), long, "healthy"},
		"upgrade":           {drip("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", 0), long, "status 101"},
		"binary":            {say("\x00\x01\x02\xff\xfe\r\n\r\n"), long, "answer is not HTTP"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := raw(t, "tcp", "127.0.0.1:0", c.answer)
			wantAnswer(t, ask(mustParse(t, "http://"+addr.String(), Options{}), c.limit), c.want)
		})
	}
}

func reset(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }

func TestBodyMatchDoesNotWaitForTheEnd(t *testing.T) {
	t.Parallel()
	addr := raw(t, "tcp", "127.0.0.1:0", drip("HTTP/1.1 200 OK\r\n\r\nready now", 0))
	o := Options{BodyMatch: regexp.MustCompile("ready")}
	wantAnswer(t, ask(mustParse(t, "http://"+addr.String(), o), long), "healthy")
	o.BodyMatch = regexp.MustCompile("absent")
	wantAnswer(t, ask(mustParse(t, "http://"+addr.String(), o), 5*time.Second), `answer not complete in .*`)
}

func TestTargetsOfThisMachine(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host) })
	serve := func(network, address string) string {
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: handler}
		go s.Serve(l)
		t.Cleanup(func() { s.Close() })
		return l.Addr().String()
	}
	socket := filepath.Join(t.TempDir(), "s")
	serve("unix", socket)
	abstract := fmt.Sprintf("@pidbox-health-%d", os.Getpid())
	serve("unix", abstract)
	six := serve("tcp", "[::1]:0")
	_, port, _ := net.SplitHostPort(six)
	_, closedPort, _ := net.SplitHostPort(closed(t))
	plainFile := filepath.Join(t.TempDir(), "file")
	os.WriteFile(plainFile, nil, 0o600)
	for _, c := range []struct{ url, socket, want string }{
		{"tcp://" + six, "", "healthy"},
		{"http://" + six, "", "healthy"},
		{"http://localhost:" + port, "", "healthy"},
		{"tcp://web.localhost:" + port, "", "healthy"},
		{"http://localhost:" + closedPort, "", "connection refused"},
		{"tcp://" + closed(t), "", "connection refused"},
		{"http://" + closed(t), "", "connection refused"},
		{"unix:" + socket, "", "healthy"},
		{"unix://" + socket, "", "healthy"},
		{"unix:" + abstract, "", "healthy"},
		{"unix:" + socket + "x", "", "no such socket"},
		{"unix:" + plainFile, "", "connection refused"},
		{"http://any.invalid/", socket, "healthy"},
		{"http://any.invalid/", abstract, "healthy"},
		{"http://any.invalid/", socket + "x", "no such socket"},
	} {
		wantAnswer(t, ask(mustParse(t, c.url, Options{UnixSocket: c.socket}), long), c.want)
	}
	wantAnswer(t, mustParse(t, "http://a/b", Options{UnixSocket: socket}).String(), "http://a/b on "+socket)
	wantAnswer(t, mustParse(t, "unix://"+socket, Options{}).String(), "unix:"+socket)
	wantAnswer(t, mustParse(t, "tcp://"+six, Options{}).String(), `tcp://\[::1\]:\d+`)
}

func askBy(ask dialFunc) dialFunc {
	r := defaultResolver()
	r.ask = ask
	return dialBy(r)
}

// The name server of these tests is a socket on loopback that answers as told.
func nameServer(t *testing.T, answer func(query []byte) []byte) dialFunc {
	t.Helper()
	return askBy(serveNames(t, answer))
}

func serveNames(t *testing.T, answer func(query []byte) []byte) dialFunc {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := answer(buf[:n]); reply != nil {
				conn.WriteTo(reply, from)
			}
		}
	}()
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	notFound := nameServer(t, func(q []byte) []byte {
		reply := append([]byte(nil), q...)
		reply[2], reply[3] = 0x81, 0x83 // an answer: no such name
		reply[10], reply[11] = 0, 0     // without EDNS
		return reply[:len(q)-11]
	})
	mute := nameServer(t, func([]byte) []byte { return nil })
	none := askBy(func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "udp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	})
	web := func(d dialFunc) Check {
		c := mustParse(t, "http://db.example.", Options{}).(*httpCheck)
		c.transport.DialContext = d
		return c
	}
	wantAnswer(t, ask(&connCheck{scheme: "tcp", network: "tcp", address: "db.example.:5432", dial: notFound}, long), "name not found")
	wantAnswer(t, ask(web(notFound), long), "name not found")
	wantAnswer(t, ask(&connCheck{scheme: "tcp", network: "tcp", address: "db.example.:5432", dial: none}, long), `name server .*:53: connection refused`)
	const never = `no answer from the name server in .*`
	wantAnswer(t, ask(&connCheck{scheme: "tcp", network: "tcp", address: "db.example.:5432", dial: mute}, time.Second), never)
	wantAnswer(t, ask(web(mute), time.Second), never)
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"db.example": false, "10.0.0.1": false, "localhost.example": false, "::2": false,
		"localhost": true, "LocalHost.": true, "a.localhost": true, "ip6-localhost": true,
		"127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true, "::1%lo": true,
		"0.0.0.0": true, "::": true, "127.1": true, "0x7f.0.0.1": true, "2130706433": true, "3com": false, "1.cafe": false,
	} {
		if isLoopback(host) != want {
			t.Errorf("%s: %t", host, !want)
		}
	}
}
