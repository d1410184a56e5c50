//go:build !pidbox_some || pidbox_http

package health

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestCertificates(t *testing.T) {
	ca := newAuthority(t)
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	hour, now := time.Hour, time.Now()
	serve := func(a *authority, host string, from, to time.Time, c *tls.Config) string {
		pair, _, _ := a.issue(t, host, from, to)
		c.Certificates = []tls.Certificate{pair}
		return tlsServer(t, c)
	}
	good := serve(ca, "127.0.0.1", now.Add(-hour), now.Add(hour), &tls.Config{})
	expired := serve(ca, "127.0.0.1", now.Add(-48*hour), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), &tls.Config{})
	early := serve(ca, "127.0.0.1", now.Add(24*hour), now.Add(48*hour), &tls.Config{})
	other := serve(ca, "db.example", now.Add(-hour), now.Add(hour), &tls.Config{})
	own := serve(nil, "127.0.0.1", now.Add(-hour), now.Add(hour), &tls.Config{})
	strict := serve(ca, "127.0.0.1", now.Add(-hour), now.Add(hour), &tls.Config{
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
	})
	strict12 := serve(ca, "127.0.0.1", now.Add(-hour), now.Add(hour), &tls.Config{
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MaxVersion: tls.VersionTLS12,
	})
	_, cert, key := ca.issue(t, "client", now.Add(-hour), now.Add(hour))
	both := filepath.Join(t.TempDir(), "both.pem")
	os.WriteFile(both, append(read(t, cert), read(t, key)...), 0o600)
	plainHTTP := web(t, nil)

	for _, c := range []struct {
		name, url string
		o         Options
		want      string
	}{
		{"trusted", good, Options{CACert: ca.file}, "healthy"},
		{"not trusted", good, Options{}, "certificate signed by unknown authority"},
		{"believed", good, Options{Insecure: true}, "healthy"},
		{"expired", expired, Options{CACert: ca.file}, "certificate expired on 2026-01-02"},
		{"early", early, Options{CACert: ca.file}, "certificate is not valid before " + now.Add(24*hour).UTC().Format(time.DateOnly)},
		{"another host's", other, Options{CACert: ca.file}, `certificate is for db\.example, not 127\.0\.0\.1`},
		{"server name", other, Options{CACert: ca.file, ServerName: "db.example"}, "healthy"},
		{"wrong server name", other, Options{CACert: ca.file, ServerName: "x.example"}, `certificate is for db\.example, not x\.example`},
		{"self-signed", own, Options{CACert: ca.file}, "certificate signed by unknown authority: self-signed"},
		{"without client certificate", strict, Options{CACert: ca.file}, "TLS refused by the server: certificate required"},
		{"without, TLS 1.2", strict12, Options{CACert: ca.file}, "TLS refused by the server: (bad certificate|handshake failure)"},
		{"client certificate", strict, Options{CACert: ca.file, Cert: cert, Key: key}, "healthy"},
		{"certificate and key in one file", strict, Options{CACert: ca.file, Cert: both}, "healthy"},
		{"TLS to plain HTTP", strings.Replace(plainHTTP, "http:", "https:", 1), Options{}, "answer is plain HTTP, not TLS"},
		{"plain HTTP to TLS", strings.Replace(good, "https:", "http:", 1), Options{}, "status 400: Client sent an HTTP request.*"},
		{"TLS to something else", "https://" + raw(t, "tcp", "127.0.0.1:0", nil).String(), Options{}, "(connection closed without an answer|answer is not TLS|connection reset by peer)"},
	} {
		t.Run(c.name, func(t *testing.T) { wantAnswer(t, ask(mustParse(t, c.url, c.o), long), c.want) })
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestBadFiles(t *testing.T) {
	ca := newAuthority(t)
	_, cert, key := ca.issue(t, "a", time.Now(), time.Now())
	_, _, otherKey := ca.issue(t, "b", time.Now(), time.Now())
	garbage := filepath.Join(t.TempDir(), "garbage.pem")
	os.WriteFile(garbage, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), 0o600)
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{CACert: "/nowhere/ca.pem"}, "open /nowhere/ca.pem: no such file or directory"},
		{Options{CACert: garbage}, garbage + ": no certificate in PEM form"},
		{Options{CACert: "/dev/zero"}, "/dev/zero: larger than 16 MiB"},
		{Options{CACert: t.TempDir()}, "read .*: is a directory"},
		{Options{Key: key}, "a key without its certificate"},
		{Options{Cert: cert, Key: otherKey}, "certificate .*cert.pem with key .*key.pem: private key does not match public key"},
		{Options{Cert: cert}, "certificate .*cert.pem with key .*cert.pem: .*"},
		{Options{Cert: garbage, Key: key}, "certificate .*garbage.pem with key .*"},
	} {
		_, err := Parse("https://localhost/", c.o)
		if err == nil || !regexp.MustCompile("^"+c.want+"$").MatchString(err.Error()) {
			t.Errorf("%+v: error %v, want %s", c.o, err, c.want)
		}
	}
}

// What crypto/tls says without a type is about the certificate all the same, and no answer of the service.
func TestUntypedCertificateErrors(t *testing.T) {
	t.Parallel()
	for _, said := range []string{
		"tls: server sent certificate containing RSA key larger than 8192 bits",
		"tls: invalid signature by the server certificate: crypto/rsa: 768-bit keys are insecure (see https://x)",
		"tls: failed to parse certificate from server: x509: negative serial number",
	} {
		err := plainNet(errors.New(said))
		if !errors.Is(err, ErrNotAsked) || !strings.HasPrefix(err.Error(), "certificate not valid: ") || strings.Contains(err.Error(), "see") {
			t.Errorf("%v", err)
		}
	}
}
