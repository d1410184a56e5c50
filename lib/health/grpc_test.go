//go:build !pidbox_some || pidbox_http

package health

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	real "google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// grpcServer is the real one, with the real health service.
func grpcServer(t *testing.T, l net.Listener, service healthpb.HealthServer, o ...grpc.ServerOption) string {
	t.Helper()
	s := grpc.NewServer(o...)
	if service != nil {
		healthpb.RegisterHealthServer(s, service)
	}
	go s.Serve(l)
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// refuses is a health service that fails as told by the service's name.
type refuses struct {
	healthpb.UnimplementedHealthServer
}

func (refuses) Check(ctx context.Context, r *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	m, _ := metadata.FromIncomingContext(ctx)
	switch r.Service {
	case "token":
		if len(m["x-token"]) == 1 && m["x-token"][0] == "secret" {
			return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}, nil
		}
		return nil, status.Error(codes.Unauthenticated, "no token")
	case "slow":
		<-ctx.Done()
	case "odd":
		return &healthpb.HealthCheckResponse{Status: 99}, nil
	case "panic":
		return nil, status.Error(codes.Unavailable, "the database is gone: 100 %\nmore")
	}
	return nil, status.Error(codes.PermissionDenied, "")
}

func TestGRPC(t *testing.T) {
	services := real.NewServer()
	services.SetServingStatus("up", healthpb.HealthCheckResponse_SERVING)
	services.SetServingStatus("down", healthpb.HealthCheckResponse_NOT_SERVING)
	services.SetServingStatus("unknown", healthpb.HealthCheckResponse_UNKNOWN)
	services.SetServingStatus("größer & kleiner", healthpb.HealthCheckResponse_SERVING)
	ca := newAuthority(t)
	pair, _, _ := ca.issue(t, "127.0.0.1", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	secure := grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}}))
	socket := filepath.Join(t.TempDir(), "s")

	plain := "grpc://" + grpcServer(t, listen(t, "tcp", "127.0.0.1:0"), services)
	encrypted := "grpcs://" + grpcServer(t, listen(t, "tcp", "127.0.0.1:0"), services, secure)
	without := "grpc://" + grpcServer(t, listen(t, "tcp", "127.0.0.1:0"), nil)
	fails := "grpc://" + grpcServer(t, listen(t, "tcp", "127.0.0.1:0"), refuses{})
	grpcServer(t, listen(t, "unix", socket), services)
	one := web(t, func(http.ResponseWriter, *http.Request) {})
	for _, c := range []struct {
		url     string
		o       Options
		want    string
		unasked bool
	}{
		{plain, Options{}, "healthy", false},
		{plain + "/", Options{}, "healthy", false},
		{plain + "?service=up", Options{}, "healthy", false},
		{plain + "?service=gr%C3%B6%C3%9Fer+%26+kleiner", Options{}, "healthy", false},
		{plain + "?service=down", Options{}, "NOT_SERVING", false},
		{plain + "?service=unknown", Options{}, "UNKNOWN", false},
		{plain + "?service=gone", Options{}, `the server has no service "gone"`, false},
		{without, Options{}, "the server has no health service", true},
		{encrypted, Options{CACert: ca.file}, "healthy", false},
		{encrypted, Options{Insecure: true}, "healthy", false},
		{encrypted, Options{}, "certificate signed by unknown authority.*", true},
		{fails + "?service=token", Options{Headers: []string{"X-Token: secret"}}, "healthy", false},
		{fails + "?service=token", Options{}, "UNAUTHENTICATED: no token", true},
		{fails + "?service=odd", Options{}, "health status 99", false},
		{fails + "?service=panic", Options{}, "UNAVAILABLE: the database is gone: 100 %", false},
		{fails, Options{}, "PERMISSION_DENIED", true},
		{"grpc://any.invalid:1", Options{UnixSocket: socket}, "healthy", false},
		{"grpc" + one[4:], Options{}, ".+", false},
		{"grpc://" + closed(t), Options{}, "connection refused", false},
	} {
		check := mustParse(t, c.url, c.o)
		ctx, cancel := context.WithTimeout(t.Context(), long)
		err := check.Check(ctx)
		cancel()
		got := "healthy"
		if err != nil {
			got = err.Error()
		}
		if wantAnswer(t, got, c.want); got == "healthy" != (c.want == "healthy") || errors.Is(err, ErrNotAsked) != c.unasked {
			t.Errorf("%s: %v", check, err)
		}
	}
	wantAnswer(t, ask(mustParse(t, fails+"?service=slow", Options{}), time.Second), "no answer in .*")
	for url, want := range map[string]string{
		"grpc://a": "no port", "grpc://a:1/x": "more than grpc://host:port and .service=NAME", "grpcs://a:1?x=y": "more than grpcs.*",
		"grpc://u:secret@a:1": "more than grpc.*",
	} {
		_, err := Parse(url, Options{})
		wantAnswer(t, err.Error(), `url "grpcs?://a(:1)?(/x)?": `+want)
	}
}

// What is no answer of a health service is said to be none, and nothing that a server sends makes us fail.
func FuzzServing(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 2, 8, 1})
	f.Add([]byte{0, 0, 0, 0, 0})
	f.Add([]byte{1, 0, 0, 0, 2, 8, 1})
	f.Fuzz(func(t *testing.T, body []byte) {
		if serving(body) == nil && (len(body) < 7 || body[0] != 0) {
			t.Errorf("%x is healthy", body)
		}
	})
}

func TestHTTP2(t *testing.T) {
	serve := func(secure bool, set func(*http.Protocols)) string {
		l := listen(t, "tcp", "127.0.0.1:0")
		s := &http.Server{ErrorLog: quiet(), Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/cut":
				w.Header().Set("Content-Length", "100")
				w.Write([]byte("few"))
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			case "/moved":
				http.Redirect(w, r, "/", http.StatusFound)
			case "/503":
				http.Error(w, "starting", 503)
			default:
				w.Write([]byte(r.Proto))
			}
		})}
		set(s.Protocols)
		t.Cleanup(func() { s.Close() })
		if !secure {
			go s.Serve(l)
			return l.Addr().String()
		}
		pair, _, _ := (*authority)(nil).issue(t, "127.0.0.1", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}}
		go s.ServeTLS(l, "", "")
		return l.Addr().String()
	}
	clear := serve(false, func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) })
	both := serve(true, func(p *http.Protocols) { p.SetHTTP1(true); p.SetHTTP2(true) })
	only := serve(true, func(p *http.Protocols) { p.SetHTTP2(true) })
	one := serve(true, func(p *http.Protocols) { p.SetHTTP1(true) })
	match := func(re string) Options {
		o := Options{Insecure: true, MaxRedirects: 3}
		o.BodyMatch = regexpOf(re)
		return o
	}
	for _, c := range []struct {
		url  string
		o    Options
		want string
	}{
		{"h2c://" + clear + "/x", match("HTTP/2.0"), "healthy"},
		{"h2c://" + clear + "/moved", match("HTTP/2.0"), "healthy"},
		{"h2c://" + clear + "/503", Options{}, "status 503: starting"},
		{"h2c://" + clear + "/cut", Options{}, "answer cut short"},
		{"http://" + clear, Options{}, ".+"},
		{"https://" + both, match("HTTP/2.0"), "healthy"},
		{"https://" + only, match("HTTP/2.0"), "healthy"},
		{"https://" + one, match("HTTP/1.1"), "healthy"},
		{"https://" + both + "/503", Options{Insecure: true}, "status 503: starting"},
		{"h2c://" + closed(t), Options{}, "connection refused"},
	} {
		check := mustParse(t, c.url, c.o)
		got := ask(check, long)
		wantAnswer(t, got, c.want)
		if (got == "healthy") != (c.want == "healthy") {
			t.Errorf("%s: %s", check, got)
		}
		t.Log(check, got)
	}
	wantAnswer(t, mustParse(t, "h2c://a/b?token=secret", Options{}).String(), "h2c://a/b")
}

// A server of HTTP/2 that goes away before each answer has taken connections, and has not answered.
func TestGoingAway(t *testing.T) {
	t.Parallel()
	l := listen(t, "tcp", "127.0.0.1:0")
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			settings, goAway := "\x00\x00\x00\x04\x00\x00\x00\x00\x00", "\x00\x00\x08\x07\x00\x00\x00\x00\x00"+strings.Repeat("\x00", 8)
			_, _ = conn.Write([]byte(settings + goAway))
			go func() { _, _ = io.Copy(io.Discard, conn); conn.Close() }()
		}
	}()
	for _, scheme := range []string{"grpc", "h2c"} {
		check, err := Parse(scheme+"://"+l.Addr().String(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		err = check.Check(ctx)
		cancel()
		if err == nil || errors.Is(err, ErrNotAsked) || !strings.HasPrefix(err.Error(), "no answer in") {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}
