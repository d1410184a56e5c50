package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
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
		if token, err = ReadToken(a.TokenFile); err != nil {
			return nil, "", err
		}
	}
	path, unix := strings.CutPrefix(a.Listen, "unix:")
	switch {
	case unix && path == "":
		return nil, "", &SyntaxError{"unix: names no path"}
	case unix && path[0] == '@': // which package net takes for an abstract socket
		return nil, "", &SyntaxError{fmt.Sprintf("%s is an abstract socket, to which anybody could give orders; a file of that name is unix:./%s", a.Listen, path)}
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

// ReadToken reads a token from the first line of a file that only its owner can read, this user or root.
func ReadToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", &ExposedError{fmt.Sprintf("token file %s is open to others (mode %04o)", path, info.Mode().Perm()), "chmod 600 " + path}
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Uid != 0 && int(s.Uid) != os.Geteuid() {
		return "", &ExposedError{fmt.Sprintf("token file %s is owned by user %d", path, s.Uid), fmt.Sprintf("chown %d %s", os.Geteuid(), path)}
	}
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSpace(line); len(line) < 8 {
		return "", &ExposedError{fmt.Sprintf("token in %s is shorter than 8 characters", path), "head -c 24 /dev/urandom | base64 > " + path}
	}
	return line, nil
}

func listenUnix(path string) (net.Listener, error) {
	unlock, err := lockDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&fs.ModeSocket == 0 {
			return nil, fmt.Errorf("%s exists and is not a socket", path)
		}
		c, err := net.DialTimeout("unix", path, 5*time.Second)
		if err == nil {
			c.Close()
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, &TakenError{"unix:" + path}
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	// by the umask, since a chmod would come after the first could have connected
	old := syscall.Umask(0o177)
	defer syscall.Umask(old)
	return net.Listen("unix", path)
}

// lockDir keeps other agents from the directory's sockets: one that is found dead may be another's new one before it
// is removed. Where a directory cannot be locked, there is no lock.
func lockDir(path string) (unlock func(), err error) {
	dir, err := os.Open(path)
	if err != nil {
		return func() {}, nil
	}
	got := make(chan error, 1)
	go func() {
		for {
			if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != syscall.EINTR {
				got <- err
				return
			}
		}
	}()
	select {
	case <-got:
		return func() { dir.Close() }, nil
	case <-time.After(5 * time.Second):
		return nil, fmt.Errorf("%s is locked by another process", path)
	}
}

func listenTCP(address string, known bool) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &SyntaxError{fmt.Sprintf("listen address %q is neither unix:PATH nor HOST:PORT", address)}
	}
	if !known {
		ips, err := net.DefaultResolver.LookupIPAddr(context.Background(), host)
		loopback := err == nil && host != ""
		for _, ip := range ips {
			loopback = loopback && ip.IP.IsLoopback()
		}
		if !loopback {
			return nil, &ExposedError{fmt.Sprintf("anybody who reaches %s could give orders", address), "use --token-file or --client-ca, or listen on unix:PATH or 127.0.0.1"}
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
