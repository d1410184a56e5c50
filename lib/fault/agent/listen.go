package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/pidfile"
	"pidbox/lib/resolve"
)

// Address is where an agent listens, and by what it knows who asks.
type Address struct {
	Listen    string // unix:PATH or HOST:PORT
	TokenFile string
	Cert, Key string // PEM files: TLS
	ClientCA  string // PEM file: askers must have a certificate of it
}

// ExposedError is an address that others could give orders to.
type ExposedError struct{ Reason, Hint string }

func (e *ExposedError) Error() string { return e.Reason }

// SyntaxError is an address that cannot be.
type SyntaxError struct{ Reason string }

func (e *SyntaxError) Error() string { return e.Reason }

// TakenError is an address where somebody listens already.
type TakenError struct{ Address string }

func (e *TakenError) Error() string { return "another process is listening on " + e.Address }

// Socket is the path of a UNIX socket, "" for other addresses.
func (a Address) Socket() string {
	if path, ok := strings.CutPrefix(a.Listen, "unix:"); ok {
		return path
	}
	return ""
}

// ParseListen checks the form of an address.
func ParseListen(s string) (string, error) {
	path, unix := strings.CutPrefix(s, "unix:")
	switch {
	case unix && path == "":
		return "", errors.New("unix: names no path")
	case unix && path[0] == '@': // which package net takes for an abstract socket
		return "", fmt.Errorf("%s is an abstract socket, to which any user could give orders; a file of that name is unix:./%s", s, path)
	case unix:
		return s, nil
	case strings.Contains(s, "://"):
		return "", fmt.Errorf("%q is neither unix:PATH nor HOST:PORT: leave the scheme out", s)
	case strings.HasPrefix(s, "/"), strings.HasPrefix(s, "."):
		return "", fmt.Errorf("%q is neither unix:PATH nor HOST:PORT; did you mean unix:%s?", s, s)
	case s != "" && strings.Trim(s, "0123456789") == "":
		return "", fmt.Errorf("%q is neither unix:PATH nor HOST:PORT; did you mean 127.0.0.1:%s?", s, s)
	}
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", fmt.Errorf("%q is neither unix:PATH nor HOST:PORT", s)
	}
	if n, err := net.LookupPort("tcp", port); err != nil || port == "" || n > 65535 {
		return "", fmt.Errorf("%q is not a port", port)
	}
	return s, nil
}

// Open listens, and reads the token. A UNIX socket is made with mode 0600, in place of one that nobody listens on;
// an address other than of this machine needs a token or client certificates.
func (a Address) Open() (l net.Listener, token string, err error) {
	if (a.Cert == "") != (a.Key == "") {
		return nil, "", &SyntaxError{"a certificate and its key go together"}
	}
	if a.ClientCA != "" && a.Cert == "" {
		return nil, "", &SyntaxError{"client certificates need the agent's own certificate and key"}
	}
	if a.TokenFile != "" {
		if token, err = fault.ReadToken(a.TokenFile); err != nil {
			return nil, "", err
		}
	}
	if _, err := ParseListen(a.Listen); err != nil {
		return nil, "", &SyntaxError{err.Error()}
	}
	path, unix := strings.CutPrefix(a.Listen, "unix:")
	switch {
	case unix && a.Cert != "":
		return nil, "", &SyntaxError{"a UNIX socket speaks no TLS"}
	case unix:
		l, err = listenUnix(path)
	default:
		if l, err = listenTCP(a.Listen, token != "" || a.ClientCA != ""); err == nil && a.Cert != "" {
			var config *tls.Config
			if config, err = a.tls(); err != nil {
				l.Close()
			}
			l = tls.NewListener(l, config)
		}
	}
	return l, token, err
}

// listenUnix makes a socket at path, in place of one that no process listens on.
func listenUnix(path string) (net.Listener, error) {
	p, err := resolve.Walk(path, resolve.Policy{})
	if err != nil {
		return nil, err
	}
	l, err := replaceSocket(p)
	if err != nil {
		p.Close()
		return nil, err
	}
	return l, nil
}

const socketWait = 5 * time.Second

func replaceSocket(p *resolve.Place) (*resolve.Socket, error) {
	ctx, cancel := context.WithTimeout(context.Background(), socketWait)
	defer cancel()
	unlock, err := pidfile.Lock(ctx, p) // one that no process listens on may be replaced by another agent's in between
	if err != nil {
		return nil, err
	}
	defer unlock()
	if st, err := p.Stat(); err == nil && st.Mode&syscall.S_IFMT == syscall.S_IFSOCK {
		c, err := p.Dial(ctx)
		if err == nil {
			c.Close()
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, &TakenError{"unix:" + p.Path}
		}
	}
	if err := p.Discard(); err != nil {
		return nil, err
	}
	l, err := p.Listen(0o600)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &TakenError{"unix:" + p.Path}
	}
	return l, err
}

func listenTCP(address string, known bool) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if !known {
		ips, err := net.DefaultResolver.LookupIPAddr(context.Background(), host)
		loopback := err == nil && host != ""
		for _, ip := range ips {
			loopback = loopback && ip.IP.IsLoopback()
		}
		if !loopback {
			return nil, &ExposedError{fmt.Sprintf("any user who reaches %s could give orders", address), "use --token-file or --client-ca, or listen on unix:PATH or 127.0.0.1"}
		}
	}
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &TakenError{address}
	}
	return l, err
}

func (a Address) tls() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(a.Cert, a.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if a.ClientCA != "" {
		pem, err := os.ReadFile(a.ClientCA)
		if err != nil {
			return nil, err
		}
		config.ClientCAs, config.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		if !config.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", a.ClientCA)
		}
	}
	return config, nil
}
