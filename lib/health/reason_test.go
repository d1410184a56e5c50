package health

import (
	"errors"
	"io"
	"net"
	"testing"
)

// A SOCKS proxy tells of the server behind it, or of itself.
func TestSOCKS(t *testing.T) {
	t.Parallel()
	for said, unasked := range map[string]bool{
		"connection refused": false, "host unreachable": false, "TTL expired": false,
		"general SOCKS server failure": true, "connection not allowed by ruleset": true, "network unreachable": true,
	} {
		err := plainNet(&net.OpError{Op: "socks connect", Err: errors.New("unknown error " + said)})
		want := said
		if unasked {
			want = "proxy: " + said
		}
		if err.Error() != want || errors.Is(err, ErrNotAsked) != unasked {
			t.Errorf("%s: %v", said, err)
		}
	}
	for _, said := range []error{errors.New("no acceptable authentication methods"), io.EOF} {
		if err := plainNet(&net.OpError{Op: "socks connect", Err: said}); !errors.Is(err, ErrNotAsked) {
			t.Errorf("%v: %v", said, err)
		}
	}
}
