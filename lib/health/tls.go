//go:build !pidbox_some || pidbox_http

package health

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
)

// tlsConfig reads the files that o names.
func tlsConfig(o Options) (*tls.Config, error) {
	config := &tls.Config{ServerName: o.ServerName, InsecureSkipVerify: o.Insecure} //nolint:gosec // asked for
	if o.Insecure {
		beLenient(config)
	}
	if o.CACert != "" {
		pem, err := readFile(o.CACert)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificate in PEM form", o.CACert)
		}
	}
	if o.Cert == "" {
		if o.Key != "" {
			return nil, errors.New("a key without its certificate")
		}
		return config, nil
	}
	pair, err := keyPair(o.Cert, o.Key)
	if err != nil {
		return nil, err
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

func keyPair(certFile, keyFile string) (tls.Certificate, error) {
	if keyFile == "" {
		keyFile = certFile
	}
	cert, err := readFile(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readFile(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate %s with key %s: %w", certFile, keyFile, bareTLS(err))
	}
	return pair, nil
}

// handshake makes connections to host ones by TLS.
func (h *httpClient) handshake(host string) (func(context.Context, net.Conn, *attempt) (net.Conn, error), error) {
	config := h.tls.Clone()
	if config.ServerName == "" {
		config.ServerName = host
	}
	return func(ctx context.Context, conn net.Conn, a *attempt) (net.Conn, error) {
		a.is(noHandshake)
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, h.reason(a, err)
		}
		return secure, nil
	}, nil
}
