//go:build linux

package health

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Of a name of the file of hosts no more than a knock is made while the file is as it was: then its new address is asked.
func TestNameOfFileOfHosts(t *testing.T) {
	t.Parallel()
	served, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer served.Close()
	_, port, err := net.SplitHostPort(served.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	hosts := filepath.Join(t.TempDir(), "hosts")
	write := func(address string) {
		if err := os.WriteFile(hosts, []byte(address+" web\n"), 0o644); err != nil {
			t.Error(err)
		}
	}
	write("127.0.0.1")
	names := resolver{hosts: hosts, config: os.DevNull}
	check := &connCheck{scheme: "tcp", network: "tcp", address: "web:" + port, dial: dialBy(names)}
	known := false
	_, err = Until(t.Context(), []Check{check}, Pace{Alone: true}, func(a Attempt) {
		closed := refusal(a.Err)
		switch {
		case a.Err == nil:
		case closed == nil:
			t.Errorf("attempt %d: %v", a.Number, a.Err)
		case closed.still() && !known: // it was there for a second
			known = true
		case known:
			write("127.0.0.2")
		}
	})
	if err != nil || !known {
		t.Errorf("%v, the file was known to be as it was: %v", err, known)
	}
	closed := func(host string) *refusedError {
		return refusal(names.refused(&net.OpError{Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, nil, net.JoinHostPort(host, "1"), stateOf(hosts)))
	}
	if closed("elsewhere").still() {
		t.Error("a name that a name server told of is not asked for again")
	}
	if !closed("127.0.0.1").still() {
		t.Error("an address may change")
	}
}
