//go:build !pidbox_some || pidbox_http

package health

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"strings"
)

// Go refuses by itself, whatever tls.Config says, certificates with a negative serial number, keys below 1024 bits and
// above 8192, and key exchange or signatures of old. Who believes any certificate believes these: such are the servers
// that are looked at with --insecure. The settings are of the process, and not for what it executes.
const lenience = ",x509negativeserial=1,rsa1024min=0,tlsmaxrsasize=65536,tlsrsakex=1,tls3des=1,tlssha1=1"

const goDebug = "GODEBUG"

func beLenient(config *tls.Config) {
	config.MinVersion = tls.VersionTLS10
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		config.CipherSuites = append(config.CipherSuites, suite.ID)
	}
	if value := os.Getenv(goDebug); !strings.HasSuffix(value, lenience) {
		os.Setenv(goDebug, value+lenience)
	}
}

// environ is the environment as it was given to us.
func environ() (all []string) {
	for _, e := range os.Environ() {
		if value, ours := strings.CutSuffix(e, lenience); ours {
			if value == goDebug+"=" {
				continue
			}
			e = value
		}
		all = append(all, e)
	}
	return all
}

// withoutRoots adds to a certificate's unknown authority that none is known here, as in an empty container.
func withoutRoots(err error) error {
	var authority x509.UnknownAuthorityError
	if !errors.As(err, &authority) {
		return err
	}
	if roots, failed := x509.SystemCertPool(); failed != nil || !roots.Equal(x509.NewCertPool()) {
		return err
	}
	return unasked(err.Error()+"; this system has no certificates of authorities (see SSL_CERT_FILE)", err)
}
