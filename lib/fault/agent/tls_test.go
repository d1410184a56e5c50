//go:build linux

package agent

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// certify writes a certificate and its key, signed by itself or by the one given.
func certify(t *testing.T, path, name string, parent *tls.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: parent == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	signer, by := template, any(key)
	if parent != nil {
		signer, by = parent.Leaf, parent.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{path + ".crt": {Type: "CERTIFICATE", Bytes: der}, path + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.LoadX509KeyPair(path+".crt", path+".key")
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// Only who has a certificate of the authority gives orders, and then at any address.
func TestClientCertificates(t *testing.T) {
	dir := t.TempDir()
	ca := certify(t, filepath.Join(dir, "ca"), "ca", nil)
	other := certify(t, filepath.Join(dir, "other"), "other", nil)
	certify(t, filepath.Join(dir, "server"), "server", &ca)
	l, _, err := Address{Listen: "0.0.0.0:0", Cert: dir + "/server.crt", Key: dir + "/server.key", ClientCA: dir + "/ca.crt"}.Open()
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, config(t, "lives"))
	server := f.Agent.Server("")
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(ca.Leaf)
	ask := func(certs ...tls.Certificate) error {
		client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certs}}}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		answer, err := client.Get("https://127.0.0.1:" + port + "/v1/status")
		if err == nil {
			answer.Body.Close()
		}
		return err
	}
	if err := ask(certify(t, filepath.Join(dir, "good"), "good", &ca)); err != nil {
		t.Errorf("a good certificate: %v", err)
	}
	if ask() == nil {
		t.Error("without a certificate it answers")
	}
	if ask(certify(t, filepath.Join(dir, "bad"), "bad", &other)) == nil {
		t.Error("to a stranger's certificate it answers")
	}
}
